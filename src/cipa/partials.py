"""Names of unfinished outputs, and the removal of those whose process has died."""

import os
import re
import secrets
import shutil
import socket
import time
from pathlib import Path

PARTIAL = ".partial-"
"""Prefix of every unfinished file or folder; anything so named may be deleted."""

HOST = re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())[:40]

_NAME = re.compile(
    re.escape(PARTIAL) + r"(?P<host>[A-Za-z0-9._]*)-(?P<pid>\d+)-(?P<token>[0-9a-f]{8})-(?P<name>.*)",
    re.DOTALL,
)

LONGEST_NAME = 251
"""Bytes: what file systems take (255), less the `-old` of a folder that is moved aside."""

SECONDS_BETWEEN_SWEEPS = 60.0
"""Of one folder by one process: a sweep lists it, which a thousand masks need not do a thousand times."""

MOST_FOLDERS = 4096
"""Folders whose last sweep is remembered."""

_own_tokens: set[str] = set()
_last_sweep: dict[Path, float] = {}


def name_partial(path: Path) -> Path:
    """Return a fresh name beside `path` that tells whose it is: `.partial-HOST-PID-TOKEN-NAME`."""
    token = secrets.token_hex(4)
    _own_tokens.add(token)
    head = f"{PARTIAL}{HOST}-{os.getpid()}-{token}-"
    whole = os.fsencode(path.name)
    tail = whole[-(LONGEST_NAME - len(head)) :]
    return path.with_name(head + (path.name if tail == whole else tail.decode(errors="ignore")))


def forget_partial(partial: Path) -> None:
    """Forget a name that `name_partial` gave and that stands for nothing any more.

    A process that runs for months would remember each of its files otherwise.
    """
    found = _NAME.fullmatch(partial.name)
    if found is not None:
        _own_tokens.discard(found["token"])


def sweep_partials(path: Path) -> None:
    """Delete what dead processes of this host left unfinished in the folder of `path`.

    A folder that was moved aside by one that died before it could put the new one there is moved back.

    Args:
        path: what is about to be written.
    """
    folder, now = path.parent, time.monotonic()
    if now - _last_sweep.get(folder, float("-inf")) < SECONDS_BETWEEN_SWEEPS:
        return
    if len(_last_sweep) >= MOST_FOLDERS:
        _last_sweep.clear()
    _last_sweep[folder] = now
    for entry in list(os.scandir(folder)):
        found = _NAME.fullmatch(entry.name)
        if found is None or found["host"] != HOST:
            continue
        try:
            if _is_dead(int(found["pid"]), found["token"], entry.stat(follow_symlinks=False).st_mtime):
                _remove(Path(entry.path), folder / found["name"])
        except OSError:  # another process sweeps too, or it is another user's
            continue


def _remove(partial: Path, path: Path) -> None:
    final = path.with_name(path.name.removesuffix("-old"))
    if path != final and partial.is_dir() and not final.exists():
        partial.replace(final)
    elif partial.is_dir() and not partial.is_symlink():
        shutil.rmtree(partial, ignore_errors=True)
    else:
        partial.unlink(missing_ok=True)


def _is_dead(pid: int, token: str, written: float) -> bool:
    """Tell whether the process that began an output at `written` (seconds since 1970) is no more."""
    if pid == os.getpid():
        return token not in _own_tokens  # in a container every process may be number 1
    import psutil

    try:
        process = psutil.Process(pid)
        # One that began later has got a dead one's number. The time of booting is known to a second.
        return bool(process.status() == psutil.STATUS_ZOMBIE or process.create_time() > written + 2)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
