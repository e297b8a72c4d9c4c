"""Silence of the DICOM libraries: their warnings and logs quote values, which may be a patient's name."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

LOGGERS = ("pydicom", "highdicom")
"""What this package needs to know of a damaged file it learns from exceptions."""


class _Silence:
    """Filters and levels belong to the process: the first thread in mutes, the last one out restores.

    With each thread restoring what it found, one that came in second would leave the mutes behind for good.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.undo = ExitStack()

    def begin(self) -> None:
        """Enter one more user; the first mutes the libraries."""
        with self.lock:
            self.users += 1
            if self.users == 1:
                self._mute()

    def end(self) -> None:
        """Leave one user; the last restores what was muted."""
        with self.lock:
            self.users -= 1
            if not self.users:
                self.undo.close()

    def _mute(self) -> None:
        self.undo.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for logger in map(logging.getLogger, LOGGERS):
            self.undo.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL + 1)


_SILENCE = _Silence()


@contextmanager
def quiet() -> Iterator[None]:
    """Mute warnings and the libraries' logs, on all threads; `@quiet()` does so for a function.

    pydicom converts a value, and warns about it, when it is first asked for: whatever reads headers is quiet.
    Any number of threads may be in it at once.
    """
    _SILENCE.begin()
    try:
        yield
    finally:
        _SILENCE.end()
