"""Stop signals: finish the step, save, leave; a second Ctrl-C leaves at once."""

import atexit
import multiprocessing
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)

PATIENCE = 1.0
"""Seconds that child processes get at exit."""


class StopFlag:
    """Which stop signal has come, if any.

    Attributes:
        signal: its number, or 0.
    """

    def __init__(self) -> None:
        self.signal = 0

    def receive(self, number: int, _: FrameType | None) -> None:
        """Note the signal; a second interrupt from the keyboard raises KeyboardInterrupt."""
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number


@contextmanager
def stop_signals() -> Iterator[StopFlag]:
    """Note SIGTERM and SIGINT in a flag while the block runs, then restore what was there.

    Outside the main thread Python allows no handlers; the flag then stays at 0.
    """
    flag = StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = {number: signal.signal(number, flag.receive) for number in SIGNALS}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_stop_signals() -> None:
    """Let a reader process outlive a signal sent to the whole group: its parent ends it in good time."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _end_children() -> None:
    """End daemonic processes as multiprocessing does at exit, but do not wait for ever for those that stay.

    Readers of a run that failed still live then and ignore SIGTERM. Whatever ends by it is left to itself.
    """
    children = [process for process in multiprocessing.active_children() if process.daemon]
    if children and hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's would raise in the midst of this
    for process in children:
        process.terminate()
    until = time.monotonic() + PATIENCE
    for process in children:
        process.join(max(0.0, until - time.monotonic()))
        if process.is_alive():
            process.kill()


atexit.register(_end_children)  # runs before what multiprocessing registered earlier
