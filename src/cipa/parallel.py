"""A job for each of many patients, in this process or in several."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Run(Protocol):
    """Maps a job over items and gives the results as they come, in any order."""

    def __call__(self, job: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Run `job` on every item; what it raises is raised here."""


def processors() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


@contextmanager
def runner(workers: int) -> Iterator[Run]:
    """Give a function that maps a job over items.

    Args:
        workers: processes. 1 works in this one; more need a guarded main module, as that of `cipa` is,
            and a job and items that can be pickled.

    Yields:
        The function. An exception in the block cancels what has not begun.
    """
    if workers == 1:
        yield lambda job, items: map(job, items)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, signal.signal, (signal.SIGINT, signal.SIG_IGN))
    try:
        yield lambda job, items: (
            each.result() for each in as_completed([pool.submit(job, item) for item in items])
        )
    finally:
        pool.shutdown(cancel_futures=True)
