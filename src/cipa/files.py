"""Outputs that are whole or absent: write beside the final name, then rename over it.

A rename within one folder is atomic on POSIX and on NTFS, so that a reader, a crash or a full disk sees the
old file or the new one and never half of either. What a killed process leaves is swept by the next one that
writes into the same folder (`cipa.partials`). An error says the final name, never the unfinished one's.
"""

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cipa.errors import CipaError, UsageError
from cipa.partials import PARTIAL, forget_partial, name_partial, sweep_partials

__all__ = ["PARTIAL", "atomic_file", "atomic_folder", "cache_folder", "refuse_occupied", "require_vacant"]

RENAMES = 5
"""Tries to put a folder in its place while other processes put theirs there."""

CACHE = "CIPA_CACHE"
"""Variable of the environment that names another cache folder."""

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The disk, the user's share of it, or what one file may take, is full."""


def cache_folder(kind: str) -> Path:
    """Return where files of a kind are kept for this user: in `CIPA_CACHE`, or `cipa` in the cache folder.

    Raises:
        RuntimeError: the user has no home.
    """
    chosen = os.environ.get(CACHE)
    if chosen:
        return Path(chosen) / kind
    if sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "cipa" / kind


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; rename it to `path` if the block succeeds.

    The temporary name ends in the final one, so that writers which go by the extension do the right thing.

    Args:
        path: final name. Its folder is created. Where it is a link, what it points to is written.

    Yields:
        The path to write to, in the same folder; the file is there, empty, with the user's umask applied.

    Raises:
        OSError: the folder cannot be created or the file not written; nothing is left under either name. Its
            `filename` is the final name.
        UsageError: `path` is a device, a pipe or a socket.
    """
    shown, path = Path(path), _follow(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UsageError(f"{shown}: is a device or a pipe; name a file")
    partial = name_partial(path)
    with _name_place(partial, shown):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep_partials(path)
        # Created as `open` would, so that the kernel applies the umask: asking for it means setting it, and
        # two threads that do so at once leave it at 0.
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield partial
            _flush_to_disk(partial)
            partial.replace(path)
            _flush_to_disk(path.parent)
        finally:
            partial.unlink(missing_ok=True)
            forget_partial(partial)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder beside `path` to fill; rename it to `path` if the block succeeds.

    An existing folder at `path` is replaced: it is moved aside, the new one moved in, the old one deleted.
    Replacing is two renames; a crash between them leaves the whole old folder under a `PARTIAL` name.

    Args:
        path: final name of the folder. Its parent is created. Where it is a link, the folder that it points
            to is replaced.

    Yields:
        The empty folder to write into, beside `path`.

    Raises:
        OSError: the folder cannot be made or renamed; what stood at `path` stands there still. Its
            `filename` is within the final folder.
    """
    shown, path = Path(path), _follow(path)
    partial = name_partial(path)
    with _name_place(partial, shown):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep_partials(path)
        partial.mkdir()
        try:
            yield partial
            for file in partial.rglob("*"):
                if file.is_file():
                    _flush_to_disk(file)
            _move_in(partial, path)
            _flush_to_disk(path.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            if not partial.exists():
                forget_partial(partial)


def require_vacant(path: str | os.PathLike[str]) -> None:
    """Refuse to write a folder where something stands.

    Args:
        path: the folder that is to be made.

    Raises:
        UsageError: it is a file, or a folder that is not empty.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path}: exists and is not an empty folder; name another or delete it first")


def refuse_occupied(out: Path, kind: str, is_kind: Callable[[Path], bool], overwrite: bool) -> None:
    """Refuse a folder that must not be written to.

    Args:
        out: the folder asked for.
        kind: what will stand there, with its article: "an evaluation".
        is_kind: says whether a folder holds one.
        overwrite: whether an earlier one may be replaced.

    Raises:
        UsageError: a file stands at `out`, or a folder with something other than that kind, or one of that
            kind that may not be replaced.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: a file stands there; name another folder")
    if not out.exists() or not any(out.iterdir()):
        return
    if not is_kind(out):
        raise UsageError(f"{out}: the folder holds something other than {kind}; name another")
    if not overwrite:
        raise UsageError(f"{out}: holds {kind}; name another folder, or replace it with --overwrite")


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error, or one that it came of, says that no more can be written.

    Libraries wrap the system's error in their own: safetensors and PyTorch keep its text alone.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in DISK_ERRORS:
            return True
        if any(os.strerror(number) in str(seen) for number in DISK_ERRORS):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _follow(path: str | os.PathLike[str]) -> Path:
    """Return where a link points to, whether or not something stands there; other named paths as they are."""
    path = Path(path)
    return Path(os.path.realpath(path)) if path.is_symlink() or path.name in ("", "..") else path


def _move_in(partial: Path, path: Path) -> None:
    """Rename a folder over another, which is moved aside, and back again where that fails."""
    old = partial.with_name(partial.name + "-old")
    for left in reversed(range(RENAMES)):
        if path.exists():
            try:
                path.replace(old)
            except FileNotFoundError:  # another process has just moved it
                continue
        try:
            partial.replace(path)
            break
        except OSError as error:
            if old.exists() and not path.exists():
                old.replace(path)
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not left:
                raise
        shutil.rmtree(old, ignore_errors=True)  # another process has just put its folder there
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _name_place(partial: Path, path: Path) -> Iterator[None]:
    """Let errors name `path`, where they name no file or the unfinished one."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            if is_disk_full(error) or _is_full(path):
                raise _disk_error(path) from error
            error.args = (f"{path}: {_rename(str(error), partial, path)}",)
        elif error.filename is None:
            error.filename = str(path)
        else:
            error.filename = _rename(os.fsdecode(error.filename), partial, path)
            error.filename2 = None
        raise
    except CipaError as error:
        if is_disk_full(error):
            raise _disk_error(path) from error
        error.args = (_rename(str(error), partial, path), *error.args[1:])
        raise
    except Exception as error:
        if is_disk_full(error):
            raise _disk_error(path) from error
        raise


def _rename(text: str, partial: Path, path: Path) -> str:
    return text.replace(str(partial), str(path))


def _disk_error(path: Path) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _is_full(path: Path) -> bool:
    """Tell whether a disk has no room: Pillow says `encoder error -2` and no more."""
    try:
        return shutil.disk_usage(path.parent).free < 2**16
    except OSError:
        return False


def _flush_to_disk(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a folder for syncing; its renames are journalled
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
