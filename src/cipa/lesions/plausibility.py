"""Which marks of a network can be tumour: those in the patient, of some size, that take up the tracer.

Whatever is left out is listed, with its volume, its uptake and the reason.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cipa.io.orientation import axial_stack, spacing
from cipa.io.volume import sparse_zeros
from cipa.lesions.body import Body
from cipa.lesions.labelling import lesion_boxes
from cipa.lesions.measure import AxialSlices, Lesion

OUTSIDE = "outside the body"
PART_OUTSIDE = "part of a lesion outside the body"
SMALL = "smaller than {:g} mL"
SHORT = "spans less than {:g} mm across slices"
NO_UPTAKE = "no uptake: SUVmax below {:g}"
KIDNEY = "kidney: hot on both sides of the spine, below the lungs"
IMPLAUSIBLE = (OUTSIDE, PART_OUTSIDE, NO_UPTAKE.split(":")[0], KIDNEY)
"""Beginnings of the reasons that are worth a warning; the least sizes come with the weights."""

BLOOD_SUV = 2.0
"""Blood in the mediastinum has a SUV of 1.5 to 2 about an hour after FDG; PERCIST asks a lesion that is to be
measured for more (Wahl et al., J Nucl Med 2009)."""

EXACT = 1 - 1e-9
"""What has exactly the least size stays, whatever the rounding of a determinant."""


@dataclass(frozen=True)
class LeftOut:
    """A mark of the network that is no lesion of the result.

    Attributes:
        volume_ml: its volume, mL.
        suv_max: highest SUV of PET at its CT voxels; None where no PET was given.
        reason: why, in a few words.
        centroid_mm: as `Lesion.centroid_mm`: x, y, z, LPS.
        slices: first and last axial slice, as `Lesion.slices`.
    """

    volume_ml: float
    suv_max: float | None
    reason: str
    centroid_mm: tuple[float, float, float]
    slices: tuple[int, int]

    def row(self) -> dict[str, Any]:
        """Return it as one flat row of a table, with the names of `Lesion.row`."""
        values = asdict(self)
        centroid, (first, last) = values.pop("centroid_mm"), values.pop("slices")
        values |= {f"centroid_{axis}_mm": value for axis, value in zip("lps", centroid, strict=True)}
        return values | {"first_slice": first, "last_slice": last}


@dataclass(frozen=True)
class Limits:
    """What a lesion has at least.

    Attributes:
        smallest_ml: volume, mL.
        shortest_mm: axial slices times their spacing, mm.
        min_suv: SUVmax; 0 for any, as where no PET was given.
    """

    smallest_ml: float = 0.0
    shortest_mm: float = 0.0
    min_suv: float = 0.0


def cut_at_body(
    labels: npt.NDArray[np.generic],
    affine: npt.NDArray[np.float64],
    body: Body,
    uptake: AxialSlices | None,
) -> tuple[npt.NDArray[np.uint8] | None, list[LeftOut]]:
    """Take from a mask what lies outside the patient.

    Args:
        labels: (I, J, K), 1 to N as `label_lesions` numbers them.
        affine: (4, 4), indices of these to world millimetres, RAS+.
        body: the patient, on the same axial slices.
        uptake: as `measure_lesions` takes it; None without PET.

    Returns:
        The mask of what lies inside, of the shape and memory order of `labels`, None where all does; and what
        was taken away, an entry a lesion.
    """
    stack, world = axial_stack(labels, affine)
    left_out = []
    cut = sparse_zeros(labels, np.uint8)
    within = axial_stack(cut, affine)[0]
    for number, box in enumerate(lesion_boxes(stack), start=1):
        inside = stack[box] == number
        beyond = inside & ~body.within(box)
        within[box][inside & ~beyond] = 1
        if not beyond.any():
            continue
        whole = np.array_equal(beyond, inside)
        left_out.append(_describe(beyond, box, world, uptake, OUTSIDE if whole else PART_OUTSIDE))
    return (cut if left_out else None), left_out


def split_by_size(
    labels: npt.NDArray[np.generic],
    affine: npt.NDArray[np.float64],
    limits: Limits,
    uptake: AxialSlices | None = None,
) -> tuple[list[int], list[LeftOut]]:
    """Tell the lesions that are large and long enough from the others.

    A network that sees one slice at a time marks vessels and organs in one slice and not in the next; what
    takes up FDG spans at least the blur of PET, some 6 mm, in every direction.

    Args:
        labels: (I, J, K), 1 to N as `label_lesions` numbers them.
        affine: (4, 4), indices of these to world millimetres, RAS+.
        limits: what a lesion has at least; `min_suv` is not looked at.
        uptake: as `measure_lesions` takes it; None without PET.

    Returns:
        The numbers of those that stay, in order; and the others.
    """
    stack, world = axial_stack(labels, affine)
    thick, voxel_ml = spacing(world)[0], _voxel_ml(world)
    kept, left_out = [], []
    for number, box in enumerate(lesion_boxes(stack), start=1):
        inside = stack[box] == number
        if np.count_nonzero(inside) * voxel_ml < limits.smallest_ml * EXACT:
            reason = SMALL.format(limits.smallest_ml)
        elif inside.shape[0] * thick < limits.shortest_mm * EXACT:
            reason = SHORT.format(limits.shortest_mm)
        else:
            kept.append(number)
            continue
        left_out.append(_describe(inside, box, world, uptake, reason))
    return kept, left_out


def split_by_uptake(lesions: Sequence[Lesion], limits: Limits) -> tuple[list[Lesion], list[LeftOut]]:
    """Tell the lesions that take up the tracer from the others; all stay that have no SUV."""
    kept, left_out = [], []
    for lesion in lesions:
        if lesion.suv_max is None or lesion.suv_max >= limits.min_suv:
            kept.append(lesion)
        else:
            reason = NO_UPTAKE.format(limits.min_suv)
            left_out.append(
                LeftOut(lesion.volume_ml, lesion.suv_max, reason, lesion.centroid_mm, lesion.slices)
            )
    return kept, left_out


def warnings_of(lesions: Sequence[Lesion], left_out: Sequence[LeftOut]) -> list[str]:
    """Return what needs a second look: what was left out as implausible, and lesions no hotter than blood."""
    volumes = defaultdict(list)
    for one in left_out:
        if one.reason.startswith(IMPLAUSIBLE):
            volumes[one.reason].append(one.volume_ml)
    lines = [
        f"left out: {len(found)} {'mark' if len(found) == 1 else 'marks'}, {sum(found):.2f} mL, {reason}"
        for reason, found in volumes.items()
    ]
    pale = [str(one.number) for one in lesions if one.suv_max is not None and one.suv_max < BLOOD_SUV]
    if pale:
        which = f"lesion {pale[0]} has" if len(pale) == 1 else f"lesions {', '.join(pale)} have"
        lines.append(f"{which} SUVmax below {BLOOD_SUV:g}, about that of blood: tumour?")
    return lines


def _describe(
    inside: npt.NDArray[np.bool_],
    box: tuple[slice, ...],
    world: npt.NDArray[np.float64],
    uptake: AxialSlices | None,
    reason: str,
) -> LeftOut:
    """Describe the voxels `inside` a `box` of the axial stack."""
    indices = np.argwhere(inside)
    first, last = int(indices[:, 0].min()), int(indices[:, 0].max())
    ras = world @ [*(indices.mean(axis=0) + [side.start for side in box]), 1.0]
    suv_max = None
    if uptake is not None:
        suv = uptake(slice(box[0].start + first, box[0].start + last + 1))
        suv_max = float(suv[:, *box[1:]][inside[first : last + 1]].max())
    return LeftOut(
        volume_ml=len(indices) * _voxel_ml(world),
        suv_max=suv_max,
        reason=reason,
        centroid_mm=(-float(ras[0]), -float(ras[1]), float(ras[2])),
        slices=(box[0].start + first, box[0].start + last),
    )


def _voxel_ml(affine: npt.NDArray[np.float64]) -> float:
    return float(abs(np.linalg.det(affine[:3, :3]))) / 1000
