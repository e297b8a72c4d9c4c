"""The tumour of a mask file as voxels of the CT."""

import warnings
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError
from cipa.io.checks import VolumeWarning
from cipa.io.grid import resample, same_grid, same_voxels
from cipa.io.volume import Volume

ROUNDING = 0.01
"""How far from a whole number a label stored as a float may lie: scaling to 16 bits rounds by less."""

ALL: Literal["all"] = "all"

Label = int | Literal["all"]
"""What of a mask's values is tumour."""

MOST_LABEL = 2.0**24
"""Whole numbers up to this are exact in float32."""


def tumour_on_ct(
    mask: Volume, ct: Volume, label: Label | None = None, needed: bool = True
) -> npt.NDArray[np.bool_]:
    """Take the tumour voxels of a mask to the grid of the CT.

    Args:
        mask: labels, 0 is no tumour. A grid other than the CT's is resampled to the nearest voxel.
        ct: the CT.
        label: value that is tumour, or `all` for all but 0; by default the only one that is not 0.
        needed: whether a mask without any value but 0 is refused; else it is a patient without tumour.

    Returns:
        bool of the CT's shape.

    Raises:
        DataError: a value is no whole number, several values are not 0 and `label` does not choose one, there
            is no tumour and it is needed, or none of it lies within the CT.

    Warns:
        VolumeWarning: the mask was resampled, and not only turned; or it is empty.
    """
    labels = whole_labels(mask)
    if not needed and not labels.any():
        warnings.warn(
            f"{mask.name}: an empty mask, taken as a patient without tumour", VolumeWarning, stacklevel=2
        )
        return np.zeros(ct.shape, bool)
    tumour = _select(labels, mask.name, label)
    if same_grid(mask.affine, mask.shape, ct.affine, ct.shape):
        return tumour
    shape = (ct.shape[0], ct.shape[1], ct.shape[2])
    on_ct = resample(tumour.view(np.uint8), mask.affine, ct.affine, shape, nearest=True) > 0
    if not on_ct.any():
        raise DataError(f"{mask.name}: its tumour lies outside the CT; give the mask of the same study")
    if same_voxels(mask.affine, mask.shape, ct.affine, ct.shape):
        return on_ct
    before, after = (np.count_nonzero(each) * on.voxel_ml for each, on in ((tumour, mask), (on_ct, ct)))
    warnings.warn(
        f"{mask.name}: not on the grid of the CT, taken there by nearest voxel: {before:.2f} mL of tumour "
        f"became {after:.2f} mL",
        VolumeWarning,
        stacklevel=2,
    )
    return on_ct


def whole_labels(mask: Volume) -> npt.NDArray[np.integer[Any]]:
    """Return labels stored as floats, or scaled, as the whole numbers that they are but for rounding.

    Raises:
        DataError: a value is none, or too large for one.
    """
    if mask.array.dtype.kind in "iu":
        return cast(npt.NDArray[np.integer[Any]], mask.array)
    if np.abs(mask.array).max(initial=0) >= MOST_LABEL:
        highest = float(np.abs(mask.array).max())
        raise DataError(f"{mask.name}: a label of {highest:g}; give a mask of whole numbers")
    whole = np.rint(mask.array)
    off = np.abs(mask.array - whole)
    if off.max(initial=0) > ROUNDING:
        first = float(mask.array[np.unravel_index(int(np.argmax(off)), off.shape)])
        raise DataError(
            f"{mask.name}: holds {first:g}, which is no label (interpolated, or probabilities?); give "
            "a mask of whole numbers"
        )
    return whole.astype(np.int32)


def _select(labels: npt.NDArray[np.integer[Any]], name: str, label: Label | None) -> npt.NDArray[np.bool_]:
    """Return the voxels that are tumour."""
    found = np.unique(labels[labels != 0])
    if not len(found):
        raise DataError(f"{name}: an empty mask; draw the tumour, or leave the patient out")
    known = ", ".join(str(value) for value in found[:5]) + (", ..." if len(found) > 5 else "")
    if label is None:
        if len(found) > 1:
            raise DataError(f"{name}: several values ({known}); say with --label which is tumour")
        label = int(found[0])
    if label == ALL:
        return labels != 0
    if label not in found:
        raise DataError(f"{name}: no voxel has label {label}, but {known}; choose one of these")
    return labels == label
