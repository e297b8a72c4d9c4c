"""Stop signals: finish the step, save, leave; a second Ctrl-C leaves at once."""

import atexit
import multiprocessing
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


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


def _kill_readers() -> None:
    """End the readers of a run that failed: multiprocessing sends them SIGTERM and would wait for ever."""
    if hasattr(signal, "SIGCHLD"):  # torch raises where it hears of a reader's death: one killed, others left
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()


atexit.register(_kill_readers)  # runs before what multiprocessing registered earlier
