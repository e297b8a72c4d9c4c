"""A job for each of many patients, in this process or in several."""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Protocol, TypeVar

from cipa.errors import DataError
from cipa.signals import end_with_parent, ignore_stop_signals
from cipa.streams import warn_in_lines

Item = TypeVar("Item")
Result = TypeVar("Result")


class Run(Protocol):
    """Maps a job over items and gives the results as they come, in any order."""

    def __call__(self, job: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Run `job` on every item; what it raises is raised here."""


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def runner(workers: int) -> Iterator[Run]:
    """Give a function that maps a job over items.

    Args:
        workers: processes. 1 works in this one; more need a guarded main module, as that of `cipa` is,
            and a job and items that can be pickled.

    Yields:
        The function. An exception in the block, a stop signal among them, ends the processes at once.

    Raises:
        DataError: a process was ended from outside.
    """
    if workers == 1:
        yield lambda job, items: map(job, items)
        return
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin_worker)
    try:
        yield lambda job, items: (
            each.result() for each in as_completed([pool.submit(job, item) for item in items])
        )
    except BrokenProcessPool as error:
        raise DataError(
            f"one of {workers} worker processes was ended from outside, as the system does when memory runs "
            "out: use fewer --workers or a machine with more memory"
        ) from error
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    ignore_stop_signals()
    end_with_parent()
    warn_in_lines()
