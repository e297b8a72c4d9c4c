"""The lesions of a mask and what nuclear medicine measures on them.

A lesion is a connected part of the mask (26 neighbours, `cipa.io.components`). Definitions, all in
body-weight SUV:

- SUVmean: mean of PET at the lesion's CT voxels, PET interpolated linearly there.
- SUVmax: the highest of those values and of PET's own voxels whose centres lie in the lesion, so that it is
  the value a workstation shows and not one flattened by interpolation.
- SUVpeak: the highest mean of a 1 mL sphere centred at a voxel of the lesion: voxels of the CT grid whose
  centres are within 6.2 mm, inside the lesion or not, in the image only (IBSI reference manual, global
  intensity peak; Wahl et al., PERCIST, J Nucl Med 2009).
- TLG, total lesion glycolysis: SUVmean times volume. MTV, metabolic tumour volume: all lesions together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from cipa.io.grid import resample
from cipa.io.orientation import axial_stack, spacing
from cipa.io.volume import Volume
from cipa.lesions.extent import Side
from cipa.lesions.grown import GrownVolume, grown_row
from cipa.lesions.labelling import lesion_boxes
from cipa.lesions.suv_peak import Box, highest_mean, millilitre_sphere

AxialSlices = Callable[[slice], npt.NDArray[np.float32]]
"""Gives float32 (n, H, W) of a run of axial slices; a run may stop beyond the last one."""


NESTED = ("centroid_mm", "slices", "z_mm", "ct_instances", "grown")
"""What is several columns of a table."""


@dataclass(frozen=True)
class Lesion:
    """One connected part of the mask.

    Attributes:
        number: 1 for the largest lesion, 2 for the next; the value of its voxels in the label map.
        voxels: of the CT grid.
        volume_ml: their volume.
        suv_max: as the head of this module defines it, like all that follow; None where no PET was given.
        suv_mean: SUV.
        suv_peak: SUV.
        tlg: SUVmean times mL.
        centroid_mm: centre of mass of its voxels, x, y, z in DICOM's patient coordinates (LPS: x grows to the
            patient's left, y to the back, z to the head).
        slices: first and last axial slice, counted from 0 at the feet, as `axial_stack` orders them.
        probability: mean probability of tumour over its voxels, 0 to 1; None where no network drew the mask.
        sul_max: SUVmax by lean body mass in place of weight; None where that is not known, as the next two.
        sul_mean: likewise.
        sul_peak: likewise.
        longest_axial_mm: greatest Feret diameter in an axial slice; None before `cipa.lesions.details` adds
            it and what follows.
        side: `left`, `right` or `midline` of the patient; None where no patient was found.
        grown: its volume and TLG by each of `cipa.lesions.grown.THRESHOLDS`; empty without PET.
        z_mm: of the middle of its first and last axial slice, towards the head.
        ct_instances: Instance Number (0020,0013) of the CT's first and last image that it lies on, from the
            feet; None of a CT that is not DICOM.
    """

    number: int
    voxels: int
    volume_ml: float
    suv_max: float | None
    suv_mean: float | None
    suv_peak: float | None
    tlg: float | None
    centroid_mm: tuple[float, float, float]
    slices: tuple[int, int]
    probability: float | None
    sul_max: float | None = None
    sul_mean: float | None = None
    sul_peak: float | None = None
    longest_axial_mm: float | None = None
    side: Side | None = None
    grown: tuple[GrownVolume, ...] = ()
    z_mm: tuple[float, float] | None = None
    ct_instances: tuple[int, int] | None = None

    def without_suv(self) -> "Lesion":
        """Return the lesion as it is known without PET."""
        return replace(self, suv_max=None, suv_mean=None, suv_peak=None, tlg=None)

    def row(self) -> dict[str, Any]:
        """Return the lesion as one flat row of a table: plain numbers, units and axes in the names."""
        values = {name: value for name, value in vars(self).items() if name not in NESTED}
        values |= {f"centroid_{axis}_mm": part for axis, part in zip("lps", self.centroid_mm, strict=True)}
        for name, ends in (
            ("slice", self.slices),
            ("z_mm", self.z_mm),
            ("ct_instance", self.ct_instances),
        ):
            values[f"first_{name}"], values[f"last_{name}"] = ends or (None, None)
        return values | grown_row(self.grown)


def measure_lesions(
    labels: npt.NDArray[np.generic],
    probability: npt.NDArray[np.float64] | None,
    affine: npt.NDArray[np.float64],
    pet: Volume,
    uptake: AxialSlices,
) -> list[Lesion]:
    """Measure every lesion of a label map.

    Args:
        labels: (I, J, K), 1 to N as `label_lesions` numbers them.
        probability: (N + 1,), mean probability of tumour over each lesion, by its number; None if unknown.
        affine: (4, 4), indices of `labels` to world millimetres, RAS+.
        pet: PET in SUV on its own grid, in the same world.
        uptake: PET at the voxels of a run of the axial slices of `labels`; only where lesions lie is it asked
            for.

    Returns:
        N lesions, largest first.
    """
    names, world = axial_stack(labels, affine)
    boxes = lesion_boxes(names)
    highest = _own_highest(names, boxes, world, pet)
    sphere = millilitre_sphere(spacing(world))
    voxel_ml = float(abs(np.linalg.det(affine[:3, :3]))) / 1000
    lesions = []
    for number, box in enumerate(boxes, start=1):
        inside = names[box] == number
        lesion = _measure(number, box, inside, uptake, sphere, float(highest[number]), voxel_ml)
        ras = world @ [*_centre(inside, box), 1.0]
        centroid = (-float(ras[0]), -float(ras[1]), float(ras[2]))
        mean = None if probability is None else float(probability[number])
        lesions.append(replace(lesion, centroid_mm=centroid, probability=mean))
    return lesions


def mean_probability(
    labels: npt.NDArray[np.generic],
    mask: npt.NDArray[np.uint8],
    marked: Sequence[npt.NDArray[np.float32]],
    affine: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Average the probability over each lesion of a label map.

    Args:
        labels: (I, J, K), 1 to N as `label_lesions` numbers them, within the mask.
        mask: same shape, 1 where the network marked tumour.
        marked: by axial slice, the probability of the voxels where `mask` is 1, row by row.
        affine: (4, 4), indices of these to world millimetres, RAS+.

    Returns:
        (N + 1,), by the number of the lesion.
    """
    count = int(np.max(labels, initial=0))
    sums, voxels = np.zeros(count + 1), np.zeros(count + 1, np.intp)
    names, marks = (axial_stack(array, affine)[0] for array in (labels, mask))
    for name, mark, values in zip(names, marks, marked, strict=True):
        if len(values):
            numbers = name[mark > 0]
            sums += np.bincount(numbers, values, count + 1)
            voxels += np.bincount(numbers, minlength=count + 1)
    return np.asarray(sums / np.maximum(voxels, 1))


def _measure(
    number: int,
    box: Box,
    inside: npt.NDArray[np.bool_],
    uptake: AxialSlices,
    sphere: npt.NDArray[np.bool_],
    own_highest: float,
    voxel_ml: float,
) -> Lesion:
    """Measure the uptake of the lesion whose voxels are `inside` a `box` of the axial stack."""
    reach = sphere.shape[0] // 2
    first = max(0, box[0].start - reach)
    suv = uptake(slice(first, box[0].stop + reach))  # no sphere about a voxel of the lesion reaches farther
    near = (slice(box[0].start - first, box[0].stop - first), *box[1:])
    values = suv[near][inside]
    volume, mean = len(values) * voxel_ml, float(values.mean(dtype=np.float64))
    return Lesion(
        number=number,
        voxels=len(values),
        volume_ml=volume,
        suv_max=max(float(values.max()), own_highest),
        suv_mean=mean,
        suv_peak=highest_mean(suv, near, inside, sphere),
        tlg=mean * volume,
        centroid_mm=(0.0, 0.0, 0.0),
        slices=(box[0].start, box[0].stop - 1),
        probability=None,
    )


def _own_highest(
    names: npt.NDArray[np.generic], boxes: list[Box], world: npt.NDArray[np.float64], pet: Volume
) -> npt.NDArray[np.float64]:
    """Return by label the highest of PET's own voxels with a centre in the lesion; -inf where none has."""
    highest = np.full(len(boxes) + 1, -np.inf)
    for number, box in enumerate(boxes, start=1):
        near = _voxels_near(box, np.linalg.inv(pet.affine) @ world, pet.shape)
        values = pet.array[near]
        first = pet.affine.copy()
        first[:, 3] = pet.affine @ [*(side.start for side in near), 1.0]
        inside = resample(names, world, first, values.shape, nearest=True) == number
        highest[number] = values[inside].max(initial=-np.inf)
    return highest


def _voxels_near(box: Box, step: npt.NDArray[np.float64], shape: tuple[int, ...]) -> Box:
    """Return the voxels of another grid that lie in a box or close to it.

    Args:
        box: in voxels of the one grid.
        step: (4, 4), its indices to those of the other one.
        shape: voxels of the other one.
    """
    ends = ((side.start - 1, side.stop) for side in box)
    corners = np.array([[*corner, 1.0] for corner in product(*ends)]) @ step[:3].T
    low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int) + 1
    return tuple(
        slice(min(max(first, 0), length), min(max(last, 0), length))
        for first, last, length in zip(low.tolist(), high.tolist(), shape, strict=True)
    )


def _centre(inside: npt.NDArray[np.bool_], box: Box) -> list[float]:
    """Return the mean index of a lesion along each axis of the stack."""
    centre = []
    for axis, side in enumerate(box):
        counts = np.count_nonzero(inside, axis=tuple(other for other in range(3) if other != axis))
        centre.append(side.start + float(np.average(np.arange(len(counts)), weights=counts)))
    return centre
