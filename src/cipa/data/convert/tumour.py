"""The tumour of a mask file as voxels of the CT."""

import warnings

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError
from cipa.io.checks import VolumeWarning
from cipa.io.grid import resample, same_grid
from cipa.io.nifti import Volume


def tumour_on_ct(
    mask: Volume, ct: Volume, label: int | None = None, needed: bool = True
) -> npt.NDArray[np.bool_]:
    """Take the tumour voxels of a mask to the grid of the CT.

    Args:
        mask: labels, 0 is no tumour. A grid other than the CT's is resampled to the nearest voxel.
        ct: the CT.
        label: value that is tumour; by default whatever is not 0, if that is one value.
        needed: whether a mask without any value but 0 is refused; else it is a patient without tumour.

    Returns:
        bool of the CT's shape.

    Raises:
        DataError: several values are not 0 and `label` does not choose one, there is no tumour and it is
            needed, or none of it lies within the CT.

    Warns:
        VolumeWarning: the mask was resampled, or is empty.
    """
    if not needed and not mask.array.any():
        warnings.warn(
            f"{mask.name}: an empty mask, taken as a patient without tumour", VolumeWarning, stacklevel=2
        )
        return np.zeros(ct.shape, bool)
    tumour = mask.array == _tumour_label(mask, label)
    if same_grid(mask.affine, mask.shape, ct.affine, ct.shape):
        return tumour
    shape = (ct.shape[0], ct.shape[1], ct.shape[2])
    on_ct = resample(tumour.view(np.uint8), mask.affine, ct.affine, shape, nearest=True) > 0
    if not on_ct.any():
        raise DataError(f"{mask.name}: its tumour lies outside the CT; give the mask of the same study")
    before, after = (np.count_nonzero(each) * on.voxel_ml for each, on in ((tumour, mask), (on_ct, ct)))
    warnings.warn(
        f"{mask.name}: not on the grid of the CT, taken there by nearest voxel: {before:.2f} mL of tumour "
        f"became {after:.2f} mL",
        VolumeWarning,
        stacklevel=2,
    )
    return on_ct


def _tumour_label(mask: Volume, label: int | None) -> float:
    labels = np.unique(mask.array[mask.array != 0])
    if not len(labels):
        raise DataError(f"{mask.name}: an empty mask; draw the tumour, or leave the patient out")
    known = ", ".join(f"{value:g}" for value in labels[:5]) + (", ..." if len(labels) > 5 else "")
    if label is None:
        if len(labels) > 1:
            raise DataError(f"{mask.name}: several values ({known}); say with --label which is tumour")
        return float(labels[0])
    if label not in labels:
        raise DataError(f"{mask.name}: no voxel has label {label}, but {known}; choose one of these")
    return float(label)
