"""Which file of a series an axial slice is, as workstations number it."""

import nibabel.orientations as orientations
import numpy as np
import numpy.typing as npt

from cipa.io.dicom.slices import Slice
from cipa.io.dicom.tags import number


def instance_numbers(slices: tuple[Slice, ...], affine: npt.NDArray[np.float64]) -> list[int | None]:
    """Return Instance Number (0020,0013) by axial slice, from the feet; None where a file has none.

    Args:
        slices: files of the series in the order of the third axis of its volume.
        affine: (4, 4) of that volume, voxel indices to world millimetres, RAS+.

    Returns:
        As many as there are axial slices; none of a series whose own slices are not axial.
    """
    axis, direction = orientations.io_orientation(affine)[2]
    if int(axis) != 2:  # sagittal or coronal: an axial slice is of all files
        return []
    found = [number(one.header, "InstanceNumber") for one in slices]
    numbers = [None if one is None else int(one) for one in found]
    return numbers if direction > 0 else numbers[::-1]
