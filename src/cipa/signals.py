"""Signals that end a process: an orderly exit for a verb, a saved step for a training run.

SIGTERM is what batch systems and `kill` send, SIGHUP what a closed ssh session does, SIGINT is Ctrl-C.
"""

import atexit
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from types import FrameType

TERMINATION = tuple(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGHUP")
    if hasattr(signal, name)  # Windows has no SIGHUP
)

STOP = (*TERMINATION, signal.SIGINT)

PATIENCE = 1.0
"""Seconds that child processes get at exit."""

DEAF = 5.0
"""Seconds for which a second signal changes nothing. Batch systems kill after 10 to 30."""


@contextmanager
def exit_on_termination() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into `SystemExit` with 128 plus their number while the block runs.

    Unfinished outputs are removed on the way out. A second signal is not heard for `DEAF` seconds, as it
    would cut the removal short.
    """
    last = float("-inf")

    def leave(number: int, _: FrameType | None) -> None:
        """Raise for the first signal; ignore the repeats that follow at once."""
        nonlocal last
        now = time.monotonic()
        if now - last > DEAF:
            last = now
            raise SystemExit(128 + number)

    with _handlers(TERMINATION, leave):
        yield


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
    """Note SIGTERM, SIGHUP and SIGINT in a flag while the block runs, then restore what was there.

    Outside the main thread Python allows no handlers; the flag then stays at 0.
    """
    flag = StopFlag()
    with _handlers(STOP, flag.receive):
        yield flag


def ignore_stop_signals() -> None:
    """Let a worker process outlive a signal sent to the whole group: its parent ends it in good time."""
    for number in STOP:
        signal.signal(number, signal.SIG_IGN)


def end_with_parent() -> None:
    """End this worker process as soon as its parent is gone: one that was killed could not end it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_for, args=(parent.sentinel,), daemon=True).start()


def _wait_for(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


@contextmanager
def _handlers(
    numbers: tuple[signal.Signals, ...], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Install a handler where Python allows it, then restore those before; nohup's SIGHUP stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}
    ignored = {number for number in numbers if number != signal.SIGINT and before[number] == signal.SIG_IGN}
    for number in numbers:
        if number not in ignored:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number in numbers:
            if number not in ignored and before[number] is not None:  # None: installed by other than Python
                signal.signal(number, before[number])


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
