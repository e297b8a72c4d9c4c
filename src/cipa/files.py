"""Outputs that are whole or absent: write beside the final name, then rename over it.

A rename within one folder is atomic on POSIX and on NTFS, so that a reader, a crash or a full disk sees the
old file or the new one and never half of either.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cipa.errors import UsageError

PARTIAL = ".partial-"
"""Prefix of every unfinished file or folder; anything so named may be deleted."""


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; rename it to `path` if the block succeeds.

    The temporary name ends in the final one, so that writers which go by the extension do the right thing.

    Args:
        path: final name. Its folder is created.

    Yields:
        The path to write to, in the same folder.

    Raises:
        OSError: the folder cannot be created or the file not written; nothing is left under either name.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=PARTIAL, suffix="-" + path.name, dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        _flush_to_disk(partial)
        partial.chmod(0o666 & ~_umask())  # mkstemp makes it 0600; outputs follow the user's umask
        partial.replace(path)
        _flush_to_disk(path.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder beside `path` to fill; rename it to `path` if the block succeeds.

    An existing folder at `path` is replaced: it is moved aside, the new one moved in, the old one deleted.
    Replacing is two renames; a crash between them leaves the whole old folder under a `PARTIAL` name.

    Args:
        path: final name of the folder. Its parent is created.

    Yields:
        The empty folder to write into, beside `path`.

    Raises:
        OSError: the folder cannot be made or renamed; what stood at `path` stands there still.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=PARTIAL, suffix="-" + path.name, dir=path.parent))
    old = partial.with_name(partial.name + "-old")
    try:
        yield partial
        for file in partial.rglob("*"):
            if file.is_file():
                _flush_to_disk(file)
        partial.chmod(0o777 & ~_umask())
        if path.exists():
            path.replace(old)
        try:
            partial.replace(path)
        except OSError:
            if old.exists():
                old.replace(path)
            raise
        _flush_to_disk(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)


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


def _flush_to_disk(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a folder for syncing; its renames are journalled
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
