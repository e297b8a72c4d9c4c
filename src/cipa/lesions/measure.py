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

from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from cipa.io.grid import resample
from cipa.io.orientation import axial_stack, spacing
from cipa.io.volume import Volume
from cipa.lesions.labelling import lesion_boxes
from cipa.lesions.suv_peak import Box, highest_mean, millilitre_sphere


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
        probability: mean probability of tumour over its voxels, 0 to 1.
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
    probability: float

    def without_suv(self) -> "Lesion":
        """Return the lesion as it is known without PET."""
        return replace(self, suv_max=None, suv_mean=None, suv_peak=None, tlg=None)

    def row(self) -> dict[str, Any]:
        """Return the lesion as one flat row of a table: plain numbers, units and axes in the names."""
        values = asdict(self)
        centroid, (first, last) = values.pop("centroid_mm"), values.pop("slices")
        values |= {f"centroid_{axis}_mm": value for axis, value in zip("lps", centroid, strict=True)}
        return values | {"first_slice": first, "last_slice": last}


def measure_lesions(
    labels: npt.NDArray[np.generic],
    probability: npt.NDArray[np.float32],
    pet_on_ct: npt.NDArray[np.float32],
    affine: npt.NDArray[np.float64],
    pet: Volume,
) -> list[Lesion]:
    """Measure every lesion of a label map.

    Args:
        labels: (I, J, K), 1 to N as `label_lesions` numbers them.
        probability: same shape, probability of tumour.
        pet_on_ct: same shape, SUV.
        affine: (4, 4), indices of these to world millimetres, RAS+.
        pet: PET in SUV on its own grid, in the same world.

    Returns:
        N lesions, largest first.
    """
    names, world = axial_stack(labels, affine)
    chances, suv = (axial_stack(array, affine)[0] for array in (probability, pet_on_ct))
    boxes = lesion_boxes(names)
    highest = _own_highest(names, boxes, world, pet)
    sphere = millilitre_sphere(spacing(world))
    voxel_ml = float(abs(np.linalg.det(affine[:3, :3]))) / 1000
    return [
        _measure(number, box, names, chances, suv, world, voxel_ml, sphere, highest[number])
        for number, box in enumerate(boxes, start=1)
    ]


def _measure(
    number: int,
    box: Box,
    names: npt.NDArray[np.generic],
    chances: npt.NDArray[np.generic],
    suv: npt.NDArray[np.generic],
    world: npt.NDArray[np.float64],
    voxel_ml: float,
    sphere: npt.NDArray[np.bool_],
    own_highest: float,
) -> Lesion:
    """Measure the lesion `number` that lies in `box` of the axial stacks."""
    inside = names[box] == number
    values = suv[box][inside]
    ras = world @ [*_centre(inside, box), 1.0]
    volume, mean = len(values) * voxel_ml, float(values.mean(dtype=np.float64))
    return Lesion(
        number=number,
        voxels=len(values),
        volume_ml=volume,
        suv_max=max(float(values.max()), own_highest),
        suv_mean=mean,
        suv_peak=highest_mean(suv, box, inside, sphere),
        tlg=mean * volume,
        centroid_mm=(-float(ras[0]), -float(ras[1]), float(ras[2])),
        slices=(box[0].start, box[0].stop - 1),
        probability=float(chances[box][inside].mean(dtype=np.float64)),
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
