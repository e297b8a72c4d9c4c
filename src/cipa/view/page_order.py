"""Voxels in the order of the page: RAS+, x fastest, and back to the CT's own axes.

Flipped and exchanged to the nearest axes, never interpolated: bytes that the page draws are voxels of the CT.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import nibabel
import numpy as np
import numpy.typing as npt

from cipa.io.orientation import axial_stack, spacing

_PLAIN = ("uint8", "int16", "uint16", "int32", "float32")
"""Types of voxels that the page reads; others are sent as float32."""


@dataclass(frozen=True)
class PageGrid:
    """A grid as the page sees it.

    Attributes:
        shape: voxels along x, y and z.
        affine: (4, 4), indices of these to world millimetres, RAS+.
    """

    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64]

    @property
    def voxels(self) -> int:
        """Their number."""
        return int(np.prod(self.shape, dtype=np.int64))

    def as_dict(self) -> dict[str, object]:
        """Return the grid in types that JSON knows."""
        edges = [round(edge, 6) for edge in spacing(self.affine)]
        return {"shape": list(self.shape), "affine": self.affine.tolist(), "spacing_mm": edges}


def page_order(array: npt.NDArray[np.generic], affine: npt.NDArray[np.float64]) -> npt.NDArray[np.generic]:
    """View a volume as (z, y, x), sharing its memory: written in C order these are the page's bytes.

    Args:
        array: (I, J, K), any order of axes.
        affine: (4, 4), its indices to world millimetres, RAS+.
    """
    return axial_stack(array, affine)[0][:, ::-1, ::-1]


def page_grid(shape: tuple[int, ...], affine: npt.NDArray[np.float64]) -> PageGrid:
    """Return the page's grid of a volume of this shape and (4, 4) affine."""
    stack, world = axial_stack(np.broadcast_to(np.uint8(0), shape), affine)
    slices, rows, columns = stack.shape
    flip = np.array([[0, 0, 1.0, 0], [0, -1, 0, rows - 1], [-1, 0, 0, columns - 1], [0, 0, 0, 1]])
    return PageGrid((columns, rows, slices), world @ flip)


def nifti_head(grid: PageGrid, dtype: np.dtype, slope: float = 1.0) -> bytes:
    """Return the 352 bytes that stand before the voxels of a `.nii` file (NIfTI-1)."""
    header = nibabel.Nifti1Header(endianness="<")
    header.set_data_shape(grid.shape)
    header.set_data_dtype(dtype)
    header.set_sform(grid.affine, code="scanner")
    header.set_qform(grid.affine, code="scanner")
    header.set_xyzt_units("mm")
    header.set_slope_inter(slope, 0)
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    return bytes(header.binaryblock) + bytes(4)


def sent_dtype(array: npt.NDArray[np.generic]) -> np.dtype:
    """Return the type of voxels an array is sent as."""
    name = array.dtype.name if array.dtype.name in _PLAIN else "float32"
    return np.dtype(name).newbyteorder("<")


def slices_of(view: npt.NDArray[np.generic], dtype: np.dtype) -> Iterator[bytes]:
    """Give the bytes of a view in the page's order, a slice at a time, so that no copy of it is made."""
    for image in view:
        yield np.ascontiguousarray(image, dtype).tobytes()
