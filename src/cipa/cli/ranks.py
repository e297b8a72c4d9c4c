"""This process among those that a launcher such as torchrun started: which share of the work is its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

T = TypeVar("T")

LONGEST_WAIT = timedelta(days=30)
"""One process may be done long before the others; the launcher ends all if one dies."""


@dataclass(frozen=True)
class Rank:
    """A process among `count` of them.

    Attributes:
        index: 0 to `count` - 1.
        count: processes in all, over all hosts.
        local: index among those of this host.
    """

    index: int = 0
    count: int = 1
    local: int = 0

    def share(self, work: list[T]) -> list[T]:
        """Return this process's part: every `count`-th piece, so that all parts are as large."""
        return work[self.index :: self.count]

    def device(self, wanted: str) -> str:
        """Return the GPU of this process where several share a host and none was named."""
        import torch

        if self.count == 1 or wanted not in ("auto", "cuda") or not torch.cuda.is_available():
            return wanted
        return f"cuda:{self.local % torch.cuda.device_count()}"

    def gather(self, mine: Any) -> list[Any]:
        """Return what every process gave, on every process, once all have."""
        if self.count == 1:
            return [mine]
        import torch.distributed as dist

        found: list[Any] = [None] * self.count
        dist.all_gather_object(found, mine)
        return found


@contextmanager
def this_rank() -> Iterator[Rank]:
    """Meet the other processes, as torchrun's RANK and WORLD_SIZE say; alone where these are not set."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Rank()
        return
    import torch.distributed as dist

    dist.init_process_group("gloo", timeout=LONGEST_WAIT)
    try:
        yield Rank(int(os.environ["RANK"]), count, int(os.environ.get("LOCAL_RANK", "0")))
    finally:
        dist.destroy_process_group()
