"""A volume at the voxels of a grid whose axes run along its own: as PET and CT of one scanner lie.

Linear interpolation then splits into one along each axis: 0.13 s where the general `cipa.io.grid.resample`
takes 3.5 s (PET of 128 x 128 on 135 slices of 512 x 512, one core).
"""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from cipa.io.grid import resample_slices

STRAY_VOXELS = 1e-3
"""Source voxels by which a grid may leave the other's axes over its whole length and still be aligned."""

Affine = npt.NDArray[np.float64]


class SliceSampler:
    """PET, or any volume, at runs of another grid's slices; values outside it are 0.

    A voxel is a box around its centre, as in `cipa.io.grid.resample`, whose numbers these are but for float32
    rounding.
    """

    def __init__(
        self, source: npt.NDArray[np.generic], source_affine: Affine, affine: Affine, shape: tuple[int, ...]
    ) -> None:
        """Look at the two grids.

        Args:
            source: (K, I, J) values.
            source_affine: (4, 4), indices of `source` to world millimetres.
            affine: (4, 4), (slice, row, column) of the target to the same world.
            shape: (S, H, W) of the target.
        """
        self.source, self.source_affine, self.affine, self.shape = source, source_affine, affine, shape
        step = np.linalg.inv(source_affine) @ affine
        stray = np.abs(step[:3, :3] - np.diag(np.diag(step[:3, :3]))) @ shape
        self.is_aligned = bool(stray.max() < STRAY_VOXELS)
        if self.is_aligned:
            self.along, self.rows, self.columns = (
                _weights(step[axis, axis], step[axis, 3], shape[axis], source.shape[axis])
                for axis in range(3)
            )

    def __call__(self, run: slice) -> npt.NDArray[np.float32]:
        """Return float32 (n, H, W): the values at the slices of `run`, which may reach beyond the last."""
        first, last, _ = run.indices(self.shape[0])
        if not self.is_aligned:
            here = slice(first, last)
            return resample_slices(self.source, self.source_affine, self.affine, self.shape, here)
        return np.stack([self._slice(self.along[[number]]) for number in range(first, last)])

    def _slice(self, weights: csr_array) -> npt.NDArray[np.float32]:
        plane = np.zeros(self.source.shape[1:], np.float32)
        for index, weight in zip(weights.indices, weights.data, strict=True):
            plane += weight * self.source[index].astype(np.float32)
        return np.asarray(self.columns @ (self.rows @ plane).T, dtype=np.float32).T


def _weights(scale: float, offset: float, length: int, source_length: int) -> csr_array:
    """Return (length, source_length): what each source index adds to each target index along one axis.

    Sparse, at most two a row: a dense product does a hundred times the work, on threads that are in the way
    of the network's.
    """
    places = scale * np.arange(length) + offset
    inside = (places >= -0.5) & (places <= source_length - 0.5)
    clipped = np.clip(places, 0, source_length - 1)
    low = np.minimum(clipped.astype(np.intp), max(source_length - 2, 0))
    part = clipped - low
    weights = np.zeros((length, source_length))
    rows = np.flatnonzero(inside)
    weights[rows, low[rows]] = 1 - part[rows]
    weights[rows, np.minimum(low[rows] + 1, source_length - 1)] += part[rows]
    return csr_array(weights.astype(np.float32))
