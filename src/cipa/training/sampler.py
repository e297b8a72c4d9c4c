"""Which slices a process reads at which step: a function of (seed, epoch), for any number of processes.

An epoch is a permutation of the slices with tumour and of a share of those without, drawn for each epoch, cut
into batches of `batch_size`. What is left over at the
end is dropped for that epoch, so that every step and every batch normalisation sees as many slices; the next
epoch's permutation leaves out others. A process takes its contiguous share of each batch, cut into
micro-batches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from cipa.errors import UsageError
from cipa.training.seeds import Purpose, derive

LARGEST_DEFAULT_MICRO_BATCH = 4
"""Slices a process handles at once by default: the published four on each GPU."""


def micro_batch_size(batch_size: int, processes: int, wanted: int | None) -> int:
    """Return how many slices a process has in memory at once.

    Args:
        batch_size: slices in one optimiser step over all processes.
        processes: number of training processes.
        wanted: the user's value, or None for the largest divisor of a process's share up to 4.

    Raises:
        UsageError: the batch does not divide among the processes, or the share into `wanted`.
    """
    if batch_size % processes:
        raise UsageError(
            f"--batch-size {batch_size} does not divide among {processes} processes: "
            f"use a multiple of {processes}"
        )
    share = batch_size // processes
    if wanted is None:
        return max(size for size in range(1, LARGEST_DEFAULT_MICRO_BATCH + 1) if share % size == 0)
    if share % wanted:
        raise UsageError(
            f"--micro-batch {wanted} does not divide a process's share of {share} slices "
            f"(--batch-size {batch_size}, {processes} processes): use a divisor of {share}"
        )
    return wanted


def steps_per_epoch(slices: int, batch_size: int) -> int:
    """Count the optimiser steps of an epoch.

    Raises:
        UsageError: there are fewer slices than one batch.
    """
    if slices < batch_size:
        raise UsageError(f"{slices} training slices make no batch of {batch_size}: lower --batch-size")
    return slices // batch_size


@dataclass(frozen=True)
class SlicePool:
    """The slices an epoch draws from, as indices of a data set.

    Attributes:
        always: slices of every epoch.
        lesion_free: slices of which `drawn` are in an epoch.
        drawn: how many.
    """

    always: Sequence[int]
    lesion_free: Sequence[int] = ()
    drawn: int = 0

    def __len__(self) -> int:
        """Return the slices of an epoch."""
        return len(self.always) + self.drawn

    def of_epoch(self, seed: int, epoch: int) -> list[int]:
        """Return the slices of one epoch, in no order that matters."""
        if not self.drawn:
            return list(self.always)
        generator = torch.Generator().manual_seed(derive(seed, Purpose.LESION_FREE, epoch))
        chosen = torch.randperm(len(self.lesion_free), generator=generator)[: self.drawn].tolist()
        return [*self.always, *(self.lesion_free[place] for place in sorted(chosen))]


def pool_slices(tumour_pixels: Sequence[int], share: float | None) -> SlicePool:
    """Decide which slices an epoch takes.

    Args:
        tumour_pixels: of each slice of the data set.
        share: of an epoch's slices that shall show no tumour, 0 to below 1; None for every slice there is.

    Returns:
        The pool; where there are too few without tumour, all of them are in every epoch.
    """
    if share is None:
        return SlicePool(range(len(tumour_pixels)))
    tumour = [index for index, pixels in enumerate(tumour_pixels) if pixels]
    lesion_free = [index for index, pixels in enumerate(tumour_pixels) if not pixels]
    wanted = round(share / (1 - share) * len(tumour))
    if wanted >= len(lesion_free):
        return SlicePool(range(len(tumour_pixels)))
    return SlicePool(tumour, lesion_free, wanted)


class EpochSampler:
    """Batch sampler of one process; set `epoch` and `start`, then iterate over lists of dataset indices.

    Attributes:
        epoch: whose permutation is read, from 0.
        start: optimiser steps of that epoch that are already done.
    """

    def __init__(
        self, pool: SlicePool, batch_size: int, micro_batch: int, seed: int, rank: int = 0, processes: int = 1
    ) -> None:
        self.pool = pool
        self.slices = len(pool)
        self.batch_size = batch_size
        self.micro_batch = micro_batch
        self.seed = seed
        self.rank = rank
        self.share = batch_size // processes
        self.epoch = 0
        self.start = 0

    def batch(self, epoch: int, step: int) -> list[int]:
        """Return the dataset indices of one whole batch, of every process."""
        return self._order(epoch)[step * self.batch_size : (step + 1) * self.batch_size]

    def __iter__(self) -> Iterator[list[int]]:
        order = self._order(self.epoch)
        for step in range(self.start, self.slices // self.batch_size):
            first = step * self.batch_size + self.rank * self.share
            for begin in range(first, first + self.share, self.micro_batch):
                yield order[begin : begin + self.micro_batch]

    def __len__(self) -> int:
        return (self.slices // self.batch_size - self.start) * (self.share // self.micro_batch)

    def _order(self, epoch: int) -> list[int]:
        generator = torch.Generator().manual_seed(derive(self.seed, Purpose.ORDER, epoch))
        slices = self.pool.of_epoch(self.seed, epoch)
        return [slices[place] for place in torch.randperm(self.slices, generator=generator).tolist()]
