"""Where the patient is in a CT, without couch, pads, arm rests and blankets.

What holds a patient is thin, or light, or both: shells of carbon fibre, foam, cloth. What is alive is thick
soft tissue, or a cavity that soft tissue encloses. So, on a grid of about 4 mm in the slice:

1. Soft tissue that an opening by a disk leaves is a part of the patient: trunk, arms, legs. Each connected
   part of some volume counts, for arms and legs may join the trunk outside the image.
2. What is enclosed in a slice belongs to the patient if it is lung, by density or by uptake, and next to
   such a part, or if such parts are most of what encloses it, as with gas. The hollow of a couch is foam,
   cold, and enclosed by its own thin shell, at most one side of it by a back. A thin chest wall thereby comes
   back: it lies between the lung and the outside.
3. Where the image ends the patient may go on: a cavity that is open there counts if it is as dense as lung.

It errs towards taking too much: a voxel of couch that stays has no uptake, a voxel of tumour that went would
be lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cipa.io.grid import resample
from cipa.io.orientation import axial_stack, spacing
from cipa.io.volume import Volume

Mask = npt.NDArray[np.bool_]
Uptake = npt.NDArray[np.float32] | None
"""(s, h, w) SUV, -1 where PET has none; None without PET."""

GRID_MM = 4.0
"""Cells of the grid that is worked on: a body of 135 slices then takes well below a second."""

SOFT_HU = -300.0
"""Mean of a cell of which half is fat and half is air or lung: the skin."""

LUNG_HU = (-865.0, -300.0)
"""Most cells of a cavity that is lung. Foam of couches is -945 to -875 in the sarcoma data, air -1000."""

OPEN_MM = 8.0
"""Radius of the opening: soft tissue thinner than 16 mm, and shells, vinyl and cloth, do not survive it."""

REGROW_MM = 8.0
"""How far a part grows back into thin soft tissue that hangs on it: ears, fingers, folds of skin."""

CLOSE_MM = 8.0
"""Radius by which leaks in a thin wall are closed before cavities are looked for."""

MARGIN_MM = 4.0
"""Added all round at the end, for the skin and the breathing between CT and PET."""

PART_ML = 40.0
"""A part of the patient is at least so large: the half of a hand."""

BESIDE_LUNG, BESIDE_OPEN_LUNG, BESIDE_AIR = 0.1, 0.2, 0.75
"""Share of a cavity's rim in a slice that parts of the patient must make up: of lung, of lung that is open
where the image ends, and of what is no lung. The wall of a slender chest is too thin for a part."""

WARM = 0.15
"""Share of the parts' mean uptake above which a cavity is lung: emphysema has a fifth, foam nothing."""

PET_SUV = 0.1
"""Uptake that is the patient's where there is no CT: lung, the coldest of organs, has 0.3 and more."""

PET_MARGIN_MM = 10.0
"""Added all round then: half the blur of a PET, and the skin."""

COLD = 0.03
"""A part whose mean uptake is less than this share of the hottest part's is a pad or a block, not alive."""


@dataclass(frozen=True)
class Body:
    """The patient on a coarse grid over the axial slices of an image.

    Attributes:
        cells: bool (s, h, w), true in the patient.
        steps: voxels of the axial stack in a cell, along each axis.
        world: (4, 4), indices of cells to world millimetres, RAS+.
        lung: bool (s, h, w), cells of the patient as dense as lung; None where density was not known.
        suv: float32 (s, h, w), -1 where PET has none; None where only one of CT and PET was known.
    """

    cells: Mask
    steps: tuple[int, int, int]
    world: npt.NDArray[np.float64]
    lung: Mask | None = None
    suv: Uptake = None

    def within(self, box: tuple[slice, ...]) -> Mask:
        """Return which voxels of a box of the axial stack, start and stop given, lie in the patient."""
        index = (np.arange(side.start, side.stop) // step for side, step in zip(box, self.steps, strict=True))
        return self.cells[np.ix_(*index)]


def body_of(ct: Volume | None, pet: Volume | None) -> Body | None:
    """Find the patient.

    Args:
        ct: HU, on the grid of the answer; NaN and any padding below -1000 count as air. None without CT.
        pet: body-weight SUV in the same world; None without PET. Without CT its grid is that of the answer.

    Returns:
        The patient, over the axial slices of `ct` (or `pet`): by uptake alone where a CT shows no soft
        tissue, as one that is not in HU; None where nothing like a patient is found.
    """
    if ct is not None:
        return _body_of_ct(ct, pet)
    return None if pet is None else _body_of_pet(pet)


def _body_of_ct(ct: Volume, pet: Volume | None) -> Body | None:
    stack, world = axial_stack(ct.array, ct.affine)
    steps = _steps(spacing(world), stack.shape)
    hu = _means(stack, steps, -1000.0)
    coarse = world @ _cell_to_voxel(steps)
    edge = float(np.sqrt(np.prod(spacing(coarse)[1:])))
    soft = hu > SOFT_HU
    uptake = None if pet is None else resample(pet.array, pet.affine, coarse, hu.shape, -1.0, nearest=True)
    parts = _parts(soft, edge, _cell_ml(coarse), uptake)
    if not parts.any():
        return None if pet is None else _body_of_pet_on(pet, coarse, hu.shape, steps)
    cells = parts | _cavities(hu, soft, parts, _padding(stack, steps), uptake, edge)
    cells = _close(cells, _reach(CLOSE_MM, edge))
    cells = _fill(cells)
    lung = cells & (hu > LUNG_HU[0]) & (hu < LUNG_HU[1])
    return Body(ndimage.binary_dilation(cells, DISK, _reach(MARGIN_MM, edge)), steps, coarse, lung, uptake)


def _body_of_pet(pet: Volume) -> Body | None:
    """Find the patient by uptake alone, which no couch has; noise in the air around is far below it."""
    stack, world = axial_stack(pet.array, pet.affine)
    steps = _steps(spacing(world), stack.shape)
    coarse = world @ _cell_to_voxel(steps)
    edge = float(np.sqrt(np.prod(spacing(coarse)[1:])))
    labels, count = ndimage.label(_means(stack, steps, 0.0) > PET_SUV)
    volumes = np.bincount(labels.ravel(), minlength=count + 1)[1:] * _cell_ml(coarse)
    large = volumes >= min(PART_ML, volumes.max(initial=0.0))
    if not large.any():
        return None
    cells = _fill(_close(np.isin(labels, 1 + np.flatnonzero(large)), _reach(CLOSE_MM, edge)))
    return Body(ndimage.binary_dilation(cells, DISK, _reach(PET_MARGIN_MM, edge)), steps, coarse)


def _body_of_pet_on(
    pet: Volume, coarse: npt.NDArray[np.float64], shape: tuple[int, int, int], steps: tuple[int, int, int]
) -> Body | None:
    """Find the patient by uptake, on the cells of a CT."""
    body = _body_of_pet(pet)
    if body is None:
        return None
    cells = resample(body.cells.view(np.uint8), body.world, coarse, shape, nearest=True) > 0
    return Body(cells, steps, coarse)


DISK = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], bool)
SQUARE = np.ones((1, 3, 3), bool)
IN_SLICE = np.zeros((3, 3, 3), bool)
IN_SLICE[1] = DISK[0]


def _steps(edges: tuple[float, float, float], shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return voxels a cell along each axis: cells of about `GRID_MM`."""
    first, second, third = (
        max(1, min(length, int(GRID_MM / edge + 0.1))) for edge, length in zip(edges, shape, strict=True)
    )
    return first, second, third


def _cell_to_voxel(steps: tuple[int, int, int]) -> npt.NDArray[np.float64]:
    """Return the (4, 4) affine from cells to voxels: a cell's index is that of its middle."""
    affine = np.diag([*map(float, steps), 1.0])
    affine[:3, 3] = [(step - 1) / 2 for step in steps]
    return affine


def _means(
    stack: npt.NDArray[np.generic], steps: tuple[int, int, int], lowest: float
) -> npt.NDArray[np.float32]:
    """Return float32 (s, h, w), the mean of each cell; values below `lowest` and NaN count as `lowest`.

    Cells at the end that are not whole are filled up with their last voxels.
    """
    along, down, across = steps
    first = range(0, stack.shape[0], along)
    lacking = tuple((0, -length % step) for length, step in zip(stack.shape[1:], steps[1:], strict=True))
    shape = (
        (length + more) // step
        for length, (_, more), step in zip(stack.shape[1:], lacking, steps[1:], strict=True)
    )
    means = np.empty((len(first), *shape), np.float32)
    for number, start in enumerate(first):
        images = np.fmax(stack[start : start + along].astype(np.float32), lowest)
        image = np.pad(images.mean(axis=0), lacking, mode="edge")
        rows = np.sum([image[offset::down] for offset in range(down)], axis=0)
        cells = np.sum([rows[:, offset::across] for offset in range(across)], axis=0)
        means[number] = cells / (down * across)
    return means


def _padding(stack: npt.NDArray[np.generic], steps: tuple[int, int, int]) -> Mask:
    """Return bool (s, h, w): cells outside the scanner's circle, which hold one value from a corner on."""
    sample = stack[tuple(slice(None, None, step) for step in steps)]
    same = sample == sample[:, :1, :1]
    if sample.dtype.kind == "f":
        same |= np.isnan(sample) & np.isnan(sample[:, :1, :1])
    same = ndimage.binary_opening(same, SQUARE)
    labels, _ = ndimage.label(same)
    corners = np.unique(labels[:, [0, 0, -1, -1], [0, -1, 0, -1]])
    return np.isin(labels, corners[corners > 0])


def _cell_ml(affine: npt.NDArray[np.float64]) -> float:
    return float(abs(np.linalg.det(affine[:3, :3]))) / 1000


def _reach(mm: float, edge: float) -> int:
    return max(1, round(mm / edge))


def _parts(soft: Mask, edge: float, cell_ml: float, uptake: Uptake) -> Mask:
    """Return the soft tissue that is thick enough, in connected parts that are large and warm enough."""
    reach = _reach(OPEN_MM, edge)
    core = ndimage.binary_erosion(soft, DISK, reach, border_value=1)
    core = ndimage.binary_dilation(core, DISK, reach)
    labels, count = ndimage.label(core)
    volumes = np.bincount(labels.ravel(), minlength=count + 1)[1:] * cell_ml
    kept = volumes >= min(PART_ML, volumes.max(initial=0.0))
    if uptake is not None and count:
        kept &= ~_cold(labels, count, uptake, kept)
    parts = np.isin(labels, 1 + np.flatnonzero(kept))
    return ndimage.binary_dilation(parts, DISK, _reach(REGROW_MM, edge), mask=soft)


def _cold(labels: npt.NDArray[np.int32], count: int, uptake: npt.NDArray[np.float32], kept: Mask) -> Mask:
    """Tell which parts lie in the PET and have next to no uptake there."""
    seen = np.where(uptake >= 0, labels, 0)
    numbers = np.bincount(seen.ravel(), minlength=count + 1)[1:]
    sums = np.bincount(seen.ravel(), weights=np.maximum(uptake, 0).ravel(), minlength=count + 1)[1:]
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    means = sums / np.maximum(numbers, 1)
    return (numbers > sizes / 2) & (means < COLD * means[kept].max(initial=0.0))


def _cavities(
    hu: npt.NDArray[np.float32], soft: Mask, parts: Mask, padding: Mask, uptake: Uptake, edge: float
) -> Mask:
    """Return what parts of the patient enclose, its thin walls included."""
    wall = ndimage.binary_dilation(
        soft, SQUARE
    )  # a closing leaves leaks at the steps of a slanting thin wall
    hollow = ~(wall | padding)
    labels, count = ndimage.label(hollow, IN_SLICE)
    near = ndimage.binary_dilation(parts, SQUARE, _reach(CLOSE_MM, edge) + 1)
    ours, theirs, at_end = _rims(labels, count, near, padding)
    is_lung = labels[(hu > LUNG_HU[0]) & (hu < LUNG_HU[1])]
    lung, cells = (np.bincount(numbers.ravel(), minlength=count + 1) for numbers in (is_lung, labels))
    dense, is_open = lung > cells / 2, at_end > 0
    warm = _warm(labels, count, parts, uptake)
    needed = np.select([dense & is_open, dense | warm], [BESIDE_OPEN_LUNG, BESIDE_LUNG], BESIDE_AIR)
    taken = (ours > 0) & (ours >= needed * (ours + theirs)) & (dense | ~is_open)
    taken[0] = False
    cavities = taken[labels]
    reach = _reach(2 * OPEN_MM + CLOSE_MM, edge)
    return ndimage.binary_dilation(cavities, DISK, reach, mask=wall | cavities)


def _rims(
    labels: npt.NDArray[np.int32], count: int, near: Mask, padding: Mask
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Count the faces of each cavity, 0 to `count`, in the slices.

    Returns:
        Those near parts of the patient, those at anything else, and those where the image ends.
    """
    rim = ((0, 0), (1, 1), (1, 1))
    inner = np.pad(labels, rim)
    ends = np.pad(padding, rim, constant_values=True)
    tissue = np.pad(near, rim)
    kinds = []
    for axis in (1, 2):
        for shift in (1, -1):
            face = (inner > 0) & (np.roll(inner, shift, axis) == 0)
            beyond = np.roll(ends, shift, axis)[face]
            kind = np.where(beyond, 2, np.where(np.roll(tissue, shift, axis)[face], 0, 1))
            kinds.append(inner[face] * 3 + kind)
    counts = np.bincount(np.concatenate(kinds), minlength=3 * (count + 1)).reshape(-1, 3)
    return counts[:, 0], counts[:, 1], counts[:, 2]


def _warm(labels: npt.NDArray[np.int32], count: int, parts: Mask, uptake: Uptake) -> Mask:
    """Tell which cavities, 0 to `count`, have some of the parts' uptake."""
    if uptake is None:
        return np.zeros(count + 1, bool)
    seen = uptake >= 0
    mean = float(uptake[parts & seen].mean()) if (parts & seen).any() else 0.0
    numbers = np.bincount(labels[seen], minlength=count + 1)
    sums = np.bincount(labels[seen], weights=uptake[seen], minlength=count + 1)
    return np.asarray(sums > max(WARM * mean, 1e-6) * np.maximum(numbers, 1))


def _close(mask: Mask, reach: int) -> Mask:
    """Close gaps in the slices; where the image ends the patient goes on."""
    wide = ndimage.binary_dilation(mask, DISK, reach)
    return ndimage.binary_erosion(wide, DISK, reach, border_value=1)


def _fill(mask: Mask) -> Mask:
    """Fill what is enclosed in a slice."""
    return np.stack([ndimage.binary_fill_holes(image) for image in mask])
