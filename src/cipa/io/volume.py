"""Voxels and where they are: what every reader gives and every part of the package works on.

World coordinates are NIfTI's and nibabel's: millimetres, RAS+ (x grows to the patient's right, y to the
front, z to the head).
"""

from dataclasses import dataclass
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt

MOST_VOXELS = 2**29
"""A volume may have: 2048 slices of 512 x 512, a whole body at 1 mm, are as many."""


@dataclass(frozen=True)
class Volume:
    """Voxels and where they are.

    Attributes:
        array: (I, J, K) in the order of the file, any real dtype.
        affine: float64 (4, 4), voxel index (i, j, k, 1) to world millimetres, RAS+.
        header: the NIfTI header the affine came from, to write results with the same place bit for bit.
        name: what to call the volume in an error.
        warnings: what its file left open or said twice and how it was taken, one line each, without the name.
    """

    array: npt.NDArray[np.generic]
    affine: npt.NDArray[np.float64]
    header: nibabel.Nifti1Header | None = None
    name: str = "volume"
    warnings: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis of the file."""
        return self.array.shape

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0


def sparse_zeros(like: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return zeros of an array's shape and memory order, which take memory only where they are written.

    `numpy.zeros_like` writes all of them: 0.4 GB for the lesion numbers of a whole body, most of it empty.
    """
    outer_first = np.argsort([-abs(stride) for stride in like.strides], kind="stable")
    return np.zeros([like.shape[axis] for axis in outer_first], dtype).transpose(np.argsort(outer_first))
