"""Slices on their way to the training device."""

import os
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader

from cipa.data.pclt20k import PCLT20K
from cipa.signals import ignore_stop_signals
from cipa.training.sampler import EpochSampler

MOST_WORKERS = 8
"""Decoding three 512 x 512 PNGs takes a few ms; more readers than this only take memory."""


def count_workers(wanted: int | None) -> int:
    """Return the reader processes of one training process: its share of the cores less one, at most 8."""
    if wanted is not None:
        return wanted
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processes_here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(0, min(MOST_WORKERS, cores // processes_here - 1))


class TrainingLoader:
    """Micro-batches of one process, epoch by epoch, prefetched by workers that live as long as the loader.

    Attributes:
        ids: the slices, by the indices of a batch.
        sampler: what decides which are read when.
        device: where they go.
    """

    def __init__(self, dataset: PCLT20K, sampler: EpochSampler, workers: int, device: torch.device) -> None:
        self.ids = dataset.ids
        self.sampler = sampler
        self.device = device
        self._loader = DataLoader(
            dataset,
            batch_sampler=sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=device.type == "cuda",
            worker_init_fn=start_reader,
            generator=torch.Generator(),  # its own, as the default one draws from torch's global stream
        )

    def epoch(self, epoch: int, start: int) -> Iterator[dict[str, torch.Tensor]]:
        """Yield the micro-batches of an epoch from optimiser step `start` on.

        Each is {"ct", "pet", "mask": uint8 (b, N, S, S) on the device, N 1 for the mask, "index": int64 (b,)
        on the CPU}.
        """
        self.sampler.epoch, self.sampler.start = epoch, start
        for batch in self._loader:
            yield to_device(batch, self.device)


def to_device(batch: dict[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    """Move the images of a batch; the indices stay on the CPU, where augmentation is drawn."""
    return {
        name: value if name == "index" else value.to(device, non_blocking=True)
        for name, value in batch.items()
    }


def start_reader(_: int) -> None:
    """Set up a reader process; its number is not needed."""
    ignore_stop_signals()
