"""Runs a pair of volumes through the network slice by slice, and maps the result back to the CT's voxels.

CT and PET are windowed to bytes as PCLT20K stores them, a batch of axial slices at a time. Of a whole body of
810 slices one float32 a voxel is 0.8 GB: probability is kept as bytes, and PET at the CT's voxels not at all.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cipa.data.intensity import window_ct, window_pet
from cipa.data.neighbours import stack_neighbours
from cipa.inference.options import DEFAULTS, VolumeOptions
from cipa.inference.probability import to_bytes
from cipa.inference.slices import SlicePredictor
from cipa.io.aligned import SliceSampler
from cipa.io.checks import pair_warnings
from cipa.io.orientation import axial_stack, spacing
from cipa.io.plane import PlaneFit, fit_plane
from cipa.io.volume import Volume, sparse_zeros
from cipa.modalities import BOTH
from cipa.progress import Progress

BESIDE = 4
"""Threads that prepare batches and store probability while the network is at another."""


@dataclass(frozen=True)
class SegmentedVolume:
    """The network's output for a pair, on the grid, axes and memory order of the CT.

    Attributes:
        probability_255: uint8, of tumour, 255 is 1; at or above the threshold exactly where `mask` is 1.
        mask: uint8, 1 where the probability reaches the predictor's threshold.
        marked: by axial slice, float32 probability of the voxels where `mask` is 1, row by row.
        warnings: what `cipa.io.checks.pair_warnings` says of the pair.
    """

    probability_255: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.uint8]
    marked: list[npt.NDArray[np.float32]]
    warnings: tuple[str, ...]


def predict_volume(
    predictor: SlicePredictor,
    ct: Volume,
    pet: Volume,
    options: VolumeOptions = DEFAULTS,
    progress: Progress | None = None,
    inputs: str = BOTH,
) -> SegmentedVolume:
    """Segment a pair of volumes.

    Both are seen as axial slices whatever the order of their axes; PET is interpolated linearly at the CT's
    voxels in world coordinates; what a slice of another size than the network's goes through is in
    `cipa.io.plane`. Oblique CT is taken slice by slice as it was acquired.

    Args:
        predictor: the network.
        ct: CT in HU.
        pet: PET in body-weight SUV, in the same world.
        options: how slices become images.
        progress: called after every batch.
        inputs: `ct` or `pet` where the other one only stands in and is black; it is not checked.

    Returns:
        Probability and mask.

    Raises:
        DataError: as `cipa.io.checks.pair_warnings` and `SlicePredictor.predict_slices`.
        UsageError: an option is out of its range.
    """
    plane = plan_plane(ct, predictor.image_size, options)
    warnings = pair_warnings(ct if "ct" in inputs else None, pet if "pet" in inputs else None)
    images = _Images(predictor, ct, pet, plane, options)
    probability, mask = np.empty_like(ct.array, dtype=np.uint8), sparse_zeros(ct.array, np.uint8)
    stored, marks = (axial_stack(array, ct.affine)[0] for array in (probability, mask))
    marked: list[npt.NDArray[np.float32]] = [np.empty(0, np.float32)] * len(marks)

    def store(batch: slice, on_image: npt.NDArray[np.float32]) -> None:
        """Keep one batch's probability and mask at its slices' indices."""
        values = plane.to_source(on_image)
        there = predictor.mask(values)
        stored[batch] = to_bytes(values, there, predictor.threshold)
        for number, one, at in zip(range(batch.start, batch.stop), values, there, strict=True):
            if at.any():
                marks[number] = at
                marked[number] = one[at > 0]

    batches = list(predictor.batches(len(marks)))
    with ThreadPoolExecutor(BESIDE) as beside:
        stores = []
        for batch, pair in zip(batches, _ahead(beside, images.prepare, batches), strict=True):
            stores.append(beside.submit(store, batch, predictor.predict_slices(*pair)))
            if progress:
                progress(batch.stop, len(marks))
        for done in stores:
            done.result()
    return SegmentedVolume(probability, mask, marked, tuple(warnings))


class _Images:
    """Makes the network's images of batches of axial slices."""

    def __init__(
        self, predictor: SlicePredictor, ct: Volume, pet: Volume, plane: PlaneFit, options: VolumeOptions
    ) -> None:
        self.window = predictor.config.ct_window if options.ct_window is None else options.ct_window
        self.white = predictor.config.suv_max if options.suv_max is None else options.suv_max
        self.scaling = getattr(predictor.config, "pet_scaling", "linear")
        self.plane, self.channels = plane, predictor.slices
        self.ct, world = axial_stack(ct.array, ct.affine)
        self.pet = SliceSampler(*axial_stack(pet.array, pet.affine), world, self.ct.shape)

    def prepare(self, batch: slice) -> npt.NDArray[np.uint8]:
        """Return uint8 (2, B, S, S), CT and PET; (2, B, N, S, S) for a network of N slices."""
        reach = self.channels // 2
        first, last = max(0, batch.start - reach), min(len(self.ct), batch.stop + reach)
        grey = np.empty((2, last - first, self.plane.size, self.plane.size), np.uint8)
        for number in range(first, last):  # a slice at a time stays in the processor's cache
            one = slice(number, number + 1)
            grey[0, number - first] = self.plane.to_network(window_ct(self.ct[one], self.window))
            uptake = window_pet(self.pet(one), self.white, self.scaling)
            grey[1, number - first] = self.plane.to_network(uptake)
        if not reach:
            return grey
        run = slice(batch.start - first, batch.stop - first)
        return np.stack([stack_neighbours(images, self.channels, run) for images in grey])


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


def plan_plane(ct: Volume, size: int, options: VolumeOptions = DEFAULTS) -> PlaneFit:
    """Decide how the axial slices of a CT go onto an image of `size` x `size`, as `fit_plane` says."""
    slices, world = axial_stack(ct.array, ct.affine)
    _, rows, columns = slices.shape
    return fit_plane((rows, columns), spacing(world)[1:], size, options.fit, options.field_of_view)
