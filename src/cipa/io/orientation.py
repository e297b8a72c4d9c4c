"""Any volume as a stack of axial slices in radiological display order, without copying a voxel.

Slices run from the feet to the head, rows from front to back, columns from the patient's right to the left:
the way PCLT20K's images, DICOM viewers and radiologists see an axial slice. The axes of the file are flipped
and exchanged to the nearest such order and never interpolated, so that writing into the stack writes into the
volume.
"""

import nibabel.orientations as orientations
import numpy as np
import numpy.typing as npt

AXIAL = ("S", "P", "L")
"""nibabel's codes of the stack's axes: towards head, back and the patient's left."""


def axial_stack(
    array: npt.NDArray[np.generic], affine: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.float64]]:
    """View a volume as axial slices.

    Args:
        array: (I, J, K), any order of axes.
        affine: (4, 4), its voxel indices to world millimetres, RAS+; oblique ones go to the nearest axes.

    Returns:
        A view (S, H, W) of `array`, sharing its memory, and the (4, 4) affine from (slice, row, column) to
        world.
    """
    turn = orientations.ornt_transform(orientations.io_orientation(affine), orientations.axcodes2ornt(AXIAL))
    flipped = array[tuple(slice(None, None, int(direction)) for direction in turn[:, 1])]
    stack = flipped.transpose(np.argsort(turn[:, 0]))
    return stack, affine @ orientations.inv_ornt_aff(turn, array.shape)


def spacing(affine: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the millimetres between neighbours along each axis of a grid with this (4, 4) affine."""
    first, second, third = np.linalg.norm(affine[:3, :3], axis=0)
    return float(first), float(second), float(third)
