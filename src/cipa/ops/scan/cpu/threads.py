"""Run a range of independent tasks on as many threads as PyTorch uses.

Compiled functions that release the interpreter lock need no threading runtime of their own: a plain thread
pool serves, several callers may use it at once (Numba's default layer may not), and `torch.set_num_threads`
is obeyed.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import torch

PROCESSORS = os.cpu_count() or 1
"""Asked for once: Linux reads a file for the answer, 25 us of each of the 170 kernels of a small network."""


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=PROCESSORS, thread_name_prefix="cipa-ops")


def _begin_child() -> None:
    """Let a forked child work: it has none of its parent's threads.

    GNU OpenMP waits for its own for ever (fork after a prediction hung, twice of twice), but starts none for
    one thread. Before the first scan no thread has begun, and the child keeps the number it has.
    """
    if _pool.cache_info().currsize:
        torch.set_num_threads(1)
        _pool.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_child)


def thread_count(tasks: int) -> int:
    """Return how many threads share `tasks` tasks: PyTorch's number, at most one a task, at least 1."""
    return max(1, min(torch.get_num_threads(), PROCESSORS, tasks))


def run_in_threads(work: Callable[[int, int, int], None], tasks: int) -> None:
    """Call `work(share, first, last)` for contiguous shares of range(tasks), one share a thread.

    Args:
        work: does tasks first..last-1; should release the interpreter lock.
        tasks: how many there are.

    Raises:
        Exception: whatever `work` raised, after every share has ended.
    """
    shares = thread_count(tasks)
    if shares == 1:
        work(0, 0, tasks)
        return
    bounds = [tasks * share // shares for share in range(shares + 1)]
    futures = [_pool().submit(work, share, bounds[share], bounds[share + 1]) for share in range(1, shares)]
    try:
        work(0, bounds[0], bounds[1])
    finally:
        for future in futures:
            future.exception()  # waits, so that no thread writes to buffers the caller has dropped
    for future in futures:
        future.result()
