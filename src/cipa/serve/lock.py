"""A lock on a file, which the system lets go of however its process ends."""

import sys
from typing import IO

from cipa.errors import UsageError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def lock_file(file: IO[str], wait: bool = False) -> bool:
    """Take the lock of an open file, which closing it gives back.

    Args:
        file: open for writing.
        wait: until another process has given it back.

    Returns:
        Whether it was taken; without `wait`, false where another process has it.

    Raises:
        UsageError: the system has no such locks.
    """
    if sys.platform == "win32" or fcntl is None:
        raise UsageError(
            "cipa serve locks its spool by flock, which this system lacks: run it on Linux or macOS"
        )
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
