"""A pair of volumes through the network, slice by slice, and back onto the CT's own voxels.

CT and PET are windowed to bytes as PCLT20K stores them, a batch of axial slices at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cipa.data.intensity import window_ct, window_pet
from cipa.data.modalities import BOTH
from cipa.data.neighbours import stack_neighbours
from cipa.io.aligned import SliceSampler
from cipa.io.checks import doubts_of
from cipa.io.nifti import Volume
from cipa.io.orientation import axial_stack, spacing
from cipa.io.plane import FIELD_OF_VIEW_MM, PlaneFit, fit_plane

if TYPE_CHECKING:
    from cipa.inference.predictor import Predictor

Progress = Callable[[int, int], None]
"""Called with the slices done and their total."""

BESIDE = 4
"""Threads that make batches ready and put answers away while the network is at another."""


@dataclass(frozen=True)
class Maps:
    """What the network made of a pair, on the grid, axes and memory order of the CT.

    Attributes:
        probability: float32, of tumour, 0 to 1.
        mask: uint8, 1 where the probability reaches the predictor's threshold.
        pet_on_ct: float32, SUV.
        doubts: what `cipa.io.checks.doubts_of` says of the pair.
    """

    probability: npt.NDArray[np.float32]
    mask: npt.NDArray[np.uint8]
    pet_on_ct: npt.NDArray[np.float32]
    doubts: tuple[str, ...]


def predict_volume(
    predictor: Predictor,
    ct: Volume,
    pet: Volume,
    fit: str = "auto",
    field_of_view: float = FIELD_OF_VIEW_MM,
    ct_window: tuple[float, float] | None = None,
    suv_max: float | None = None,
    progress: Progress | None = None,
    inputs: str = BOTH,
) -> Maps:
    """Segment a pair of volumes.

    Both are seen as axial slices whatever the order of their axes; PET is interpolated linearly at the CT's
    voxels in world coordinates; what a slice of another size than the network's goes through is in
    `cipa.io.plane`. Oblique CT is taken slice by slice as it was acquired.

    Args:
        predictor: the network.
        ct: CT in HU.
        pet: PET in body-weight SUV, in the same world.
        fit: `auto`, `pad` or `resample`.
        field_of_view: millimetres that the network's image spans.
        ct_window: HU that become 0 and 255; by default those stored with the model.
        suv_max: SUV that becomes 255 (0 stays 0); by default the one stored with the model.
        progress: called after every batch.
        inputs: `ct` or `pet` where the other one only stands in and is black; it is not checked.

    Returns:
        Probability, mask and PET at the CT's voxels.

    Raises:
        DataError: as `cipa.io.checks.doubts_of` and `Predictor.predict_slices`.
        UsageError: an option is out of its range.
    """
    window = predictor.config.ct_window if ct_window is None else ct_window
    white = predictor.config.suv_max if suv_max is None else suv_max
    plane = plan_plane(ct, predictor.image_size, fit, field_of_view)
    doubts = doubts_of(ct if "ct" in inputs else None, pet if "pet" in inputs else None)
    probability, uptake = (np.empty_like(ct.array, dtype=np.float32) for _ in range(2))
    mask = np.empty_like(ct.array, dtype=np.uint8)
    answers, activity, marked = (axial_stack(array, ct.affine)[0] for array in (probability, uptake, mask))
    slices, world = axial_stack(ct.array, ct.affine)
    reach = predictor.slices // 2
    scaling = getattr(predictor.config, "pet_scaling", "linear")
    sample = SliceSampler(*axial_stack(pet.array, pet.affine), world, slices.shape)

    def prepare(batch: slice) -> npt.NDArray[np.uint8]:
        first, last = max(0, batch.start - reach), min(len(slices), batch.stop + reach)
        grey = np.empty((2, last - first, plane.size, plane.size), np.uint8)
        for number in range(first, last):  # a slice at a time stays in the processor's cache
            one = slice(number, number + 1)
            uptake_here = sample(one)
            if batch.start <= number < batch.stop:  # others are neighbours, of another batch
                activity[one] = uptake_here
            grey[0, number - first] = plane.to_network(window_ct(slices[one], window))
            grey[1, number - first] = plane.to_network(window_pet(uptake_here, white, scaling))
        if not reach:
            return grey
        run = slice(batch.start - first, batch.stop - first)
        return np.stack([stack_neighbours(images, predictor.slices, run) for images in grey])

    def keep(batch: slice, maps: npt.NDArray[np.float32]) -> None:
        answers[batch] = chances = plane.to_source(maps)
        marked[batch] = predictor.mask(chances)

    batches = list(predictor.batches(len(slices)))
    with ThreadPoolExecutor(BESIDE) as beside:
        kept = []
        for batch, pair in zip(batches, _ahead(beside, prepare, batches), strict=True):
            kept.append(beside.submit(keep, batch, predictor.predict_slices(*pair)))
            if progress:
                progress(batch.stop, len(slices))
        for done in kept:
            done.result()
    return Maps(probability, mask, uptake, tuple(doubts))


def _ahead(
    pool: ThreadPoolExecutor, job: Callable[[slice], npt.NDArray[np.uint8]], batches: list[slice]
) -> Iterator[npt.NDArray[np.uint8]]:
    """Do a job on the pool, in order, at most `BESIDE` batches ahead: all of a whole body take 0.5 GB."""
    waiting: deque[Future[npt.NDArray[np.uint8]]] = deque()
    for batch in batches:
        waiting.append(pool.submit(job, batch))
        if len(waiting) > BESIDE:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def plan_plane(ct: Volume, size: int, fit: str, field_of_view: float) -> PlaneFit:
    """Decide how the axial slices of a CT go onto an image of `size` x `size`, as `fit_plane` says."""
    slices, world = axial_stack(ct.array, ct.affine)
    _, rows, columns = slices.shape
    return fit_plane((rows, columns), spacing(world)[1:], size, fit, field_of_view)
