"""Segments and scores a whole test set: files are prefetched, scores computed in the background.

While one batch is segmented, threads read the next ones and score the last. Pillow and NumPy release the GIL
for most of that.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import numpy as np

from cipa.evaluation.patient import PatientProtocol
from cipa.evaluation.published import PublishedProtocol, PublishedResult

READ_AHEAD = 2
"""Batches read before the one at work: enough to hide an uneven disk, little memory."""

OnSlice = Callable[[str, np.ndarray], None]
"""Called with the id of each slice and its mask, uint8 0/1 (H, W); from a thread, in no given order."""

Result = TypeVar("Result")


class Segmenter(Protocol):
    """Anything that produces masks of slices: a network, a threshold, another tool's files."""

    def __call__(self, ids: Sequence[str], ct: np.ndarray, pet: np.ndarray) -> np.ndarray:
        """Segment a batch.

        Args:
            ids: of the slices, S.
            ct: uint8 (S, H, W); (S, N, H, W) of a data set that gives slices with their neighbours.
            pet: like `ct`.

        Returns:
            Masks (S, H, W) in which what is not 0 is tumour.
        """
        ...


class Slices(Protocol):
    """What this module needs of `cipa.data.pclt20k.PCLT20K`."""

    @property
    def ids(self) -> Sequence[str]:
        """Id of each slice, by its index."""
        ...

    def __len__(self) -> int:
        """Return the number of slices."""
        ...

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return "ct" and "pet", uint8 tensors (N, H, W), and "mask", (1, H, W)."""
        ...


def score_slices(
    dataset: Slices,
    segment: Segmenter,
    *,
    batch_size: int = 4,
    on_slice: OnSlice | None = None,
    patients: PatientProtocol | None = None,
    protocol: PublishedProtocol | None = None,
) -> PublishedResult:
    """Segment every slice of a data set and score it with the published protocol.

    Args:
        dataset: slices with their masks.
        segment: what makes the masks.
        batch_size: slices given to `segment` at a time.
        on_slice: called once for each slice when it is scored.
        patients: given every slice too, to score whole patients by afterwards.
        protocol: what the slices are added to; by default a new one.

    Returns:
        The scores of all slices of the protocol.

    Raises:
        DataError: a slice cannot be read (from `dataset`) or segmented (from `segment`).
    """
    published = protocol or PublishedProtocol()

    def finish(item: dict[str, Any], mask: np.ndarray) -> None:
        """Score one slice and pass its mask on."""
        slice_id = dataset.ids[item["index"]]
        truth = item["mask"][0].numpy()
        published.update(slice_id, mask, truth)
        if patients is not None:
            patients.update(slice_id, mask, truth)
        if on_slice is not None:
            on_slice(slice_id, mask)

    with ThreadPoolExecutor(min(8, 1 + (os.cpu_count() or 1))) as pool:
        finishing: list[Future[None]] = []
        for batch in _read_ahead(dataset, batch_size, pool):
            ct, pet = (_stack(batch, name) for name in ("ct", "pet"))
            ids = [dataset.ids[item["index"]] for item in batch]
            masks = segment(ids, ct, pet).astype(bool).view(np.uint8)
            _wait(finishing)
            finishing = [pool.submit(finish, *pair) for pair in zip(batch, masks, strict=True)]
        _wait(finishing)
    return published.result()


def _read_ahead(dataset: Slices, batch_size: int, pool: ThreadPoolExecutor) -> Iterator[list[dict[str, Any]]]:
    reading: deque[list[Future[dict[str, Any]]]] = deque()
    for first in range(0, len(dataset), batch_size):
        batch = range(first, min(first + batch_size, len(dataset)))
        reading.append([pool.submit(dataset.__getitem__, index) for index in batch])
        if len(reading) > READ_AHEAD:
            yield _wait(reading.popleft())
    while reading:
        yield _wait(reading.popleft())


def _stack(batch: Sequence[dict[str, Any]], name: str) -> np.ndarray:
    images = np.stack([item[name].numpy() for item in batch])
    return images[:, 0] if images.shape[1] == 1 else images


def _wait(futures: list[Future[Result]]) -> list[Result]:
    return [future.result() for future in futures]
