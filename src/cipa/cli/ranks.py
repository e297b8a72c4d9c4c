"""This process among those that a launcher such as torchrun started: which share of the work is its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from cipa.cli.terminal import warn
from cipa.errors import UsageError
from cipa.text import printable

T = TypeVar("T")

LONGEST_WAIT = timedelta(days=30)
"""One process may be done long before the others; the launcher ends all if one dies."""

LAUNCHER = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun sets for each of its processes, all or none."""

LAUNCHER_DETAILS = ("LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "ROLE_RANK", "GROUP_WORLD_SIZE")

MEETING = timedelta(minutes=10)
"""For the others to come. Started by torchrun they are there at once; by other means, after a queue."""


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


def ignore_stale_launcher() -> None:
    """Forget variables of a launcher that is not there, and say so: they would let a run wait for nobody.

    RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT mean something together alone; a launcher sets them all, to
    sensible values. Some of them are left over in shells of batch systems and containers.
    """
    there = {name: os.environ[name] for name in (*LAUNCHER, *LAUNCHER_DETAILS) if name in os.environ}
    if not there or _is_launched(there):
        return
    for name in there:
        del os.environ[name]
    if there.get("WORLD_SIZE", "1") != "1":
        given = ", ".join(f"{name}={printable(value, 40)}" for name, value in there.items())
        warn(
            f"{given}: left over from a launcher, which sets {', '.join(LAUNCHER)} to what is possible; "
            "this process works alone"
        )


def _is_launched(variables: dict[str, str]) -> bool:
    if any(not variables.get(name) for name in LAUNCHER):
        return False
    numbers = [variables[name] for name in ("RANK", "WORLD_SIZE", "MASTER_PORT")]
    if not all(number.isdecimal() for number in numbers):
        return False
    rank, count, port = map(int, numbers)
    return rank < count and 0 < port < 2**16


@contextmanager
def this_rank() -> Iterator[Rank]:
    """Meet the other processes, as torchrun's RANK and WORLD_SIZE say; alone where these are not set."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Rank()
        return
    import torch.distributed as dist

    rank = int(os.environ["RANK"])
    _meet(rank, count)
    try:
        yield Rank(rank, count, int(os.environ.get("LOCAL_RANK", "0")))
    finally:
        dist.destroy_process_group()


def _meet(rank: int, count: int) -> None:
    import torch.distributed as dist

    if "TORCHELASTIC_RUN_ID" in os.environ:  # the launcher keeps the store, and ends all where one dies
        dist.init_process_group("gloo", timeout=LONGEST_WAIT)
        return
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    try:
        store = dist.TCPStore(host, port, count, is_master=rank == 0, timeout=MEETING)
        store.set_timeout(LONGEST_WAIT)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=count, timeout=LONGEST_WAIT)
    except (RuntimeError, ValueError) as error:  # PyTorch's DistStoreError among them
        raise UsageError(
            f"RANK={rank}, WORLD_SIZE={count}, MASTER_ADDR={host}, MASTER_PORT={port}: the other processes "
            "did not come; start them all by torchrun, or unset these variables to work alone"
        ) from error
