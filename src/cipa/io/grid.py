"""Values of one grid at the voxels of another, through world coordinates."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage


def resample(
    source: npt.NDArray[np.generic],
    source_affine: npt.NDArray[np.float64],
    target_affine: npt.NDArray[np.float64],
    target_shape: tuple[int, int, int],
    outside: float = 0.0,
    nearest: bool = False,
) -> npt.NDArray[np.float32]:
    """Interpolate a volume linearly at the voxels of another grid.

    A voxel is a box around its centre: within half a voxel beyond the outermost centres the value of the
    nearest one holds, farther out there is `outside`. (Cutting at the centres would blank a whole slice where
    two grids differ by a hundredth of a millimetre, as PET and CT of one study do.)

    Args:
        source: (I, J, K) values.
        source_affine: (4, 4), indices of `source` to world millimetres.
        target_affine: (4, 4), indices of the target to the same world.
        target_shape: voxels of the target along each axis.
        outside: value where `source` has none.
        nearest: take the nearest voxel's value instead, for masks and labels.

    Returns:
        float32 of `target_shape`.
    """
    step = np.linalg.inv(source_affine) @ target_affine
    order = 0 if nearest else 1
    values = ndimage.affine_transform(
        source, step[:3, :3], step[:3, 3], target_shape, output=np.float32, order=order, mode="nearest"
    )
    values[~_inside(step, target_shape, source.shape)] = outside
    return values


def resample_slices(
    source: npt.NDArray[np.generic],
    source_affine: npt.NDArray[np.float64],
    target_affine: npt.NDArray[np.float64],
    target_shape: tuple[int, ...],
    run: slice,
) -> npt.NDArray[np.float32]:
    """Interpolate a volume at a run of another grid's slices, so that memory need not hold them all.

    Args:
        source: (I, J, K) values.
        source_affine: (4, 4), indices of `source` to world millimetres.
        target_affine: (4, 4), (slice, row, column) of the whole target to the same world.
        target_shape: (S, H, W) of the whole target.
        run: the slices wanted, start and stop given.

    Returns:
        float32 (stop - start, H, W), 0 where `source` has no values.
    """
    first = target_affine.copy()
    first[:, 3] = target_affine @ [run.start, 0.0, 0.0, 1.0]
    return resample(source, source_affine, first, (run.stop - run.start, *target_shape[1:]))


def same_grid(
    affine: npt.NDArray[np.float64],
    shape: tuple[int, ...],
    other_affine: npt.NDArray[np.float64],
    other_shape: tuple[int, ...],
    tolerance: float = 0.01,
) -> bool:
    """Tell whether voxels of two grids coincide, index by index.

    Args:
        affine: (4, 4) of one grid, indices to world millimetres.
        shape: its voxels along each axis.
        other_affine: (4, 4) of the other.
        other_shape: its voxels along each axis.
        tolerance: millimetres by which voxels may lie apart, as rounded headers make them.
    """
    if tuple(shape) != tuple(other_shape):
        return False
    corners = np.array([[i, j, k, 1] for i in (0, shape[0]) for j in (0, shape[1]) for k in (0, shape[2])])
    return bool(np.all(np.abs(corners @ (affine - other_affine).T) <= tolerance))


def same_voxels(
    affine: npt.NDArray[np.float64],
    shape: tuple[int, ...],
    other_affine: npt.NDArray[np.float64],
    other_shape: tuple[int, ...],
) -> bool:
    """Tell whether two grids are the same voxels, whatever the order and direction of their axes.

    Args:
        affine: (4, 4) of one grid, indices to world millimetres.
        shape: its voxels along each axis.
        other_affine: (4, 4) of the other.
        other_shape: its voxels along each axis.
    """
    step = np.rint(np.linalg.inv(other_affine) @ affine)
    turn = np.abs(step[:3, :3])
    if not ((turn.sum(axis=0) == 1).all() and (turn.sum(axis=1) == 1).all()):
        return False
    first, last = np.sort([step[:3] @ [0, 0, 0, 1], step[:3] @ [*(side - 1 for side in shape), 1]], axis=0)
    if first.any() or (last != np.array(other_shape) - 1).any():
        return False
    return same_grid(affine, shape, other_affine @ step, shape)


def overlap(
    source_affine: npt.NDArray[np.float64],
    source_shape: tuple[int, ...],
    target_affine: npt.NDArray[np.float64],
    target_shape: tuple[int, ...],
    samples: int = 32,
) -> float:
    """Estimate the part of a grid that lies within another one.

    Args:
        source_affine: (4, 4) of the grid that covers, indices to world millimetres.
        source_shape: its voxels along each axis.
        target_affine: (4, 4) of the grid to be covered.
        target_shape: its voxels along each axis.
        samples: points along each axis of the target, at most; its outermost voxels are among them.

    Returns:
        Fraction 0 to 1 of sampled target voxels whose centres are in a voxel of the source.
    """
    counts = [min(samples, length) for length in target_shape]
    stretch = np.diag(
        [(n - 1) / max(count - 1, 1) for n, count in zip(target_shape, counts, strict=True)] + [1.0]
    )
    step = np.linalg.inv(source_affine) @ target_affine @ stretch
    return float(np.mean(_inside(step, tuple(counts), source_shape)))


def _inside(
    step: npt.NDArray[np.float64], target_shape: tuple[int, ...], source_shape: tuple[int, ...]
) -> npt.NDArray[np.bool_]:
    """Tell which target voxels, taken to source indices by the (4, 4) `step`, fall in a source voxel."""
    axes = np.ogrid[tuple(slice(length) for length in target_shape)]
    inside = np.ones(target_shape, dtype=bool)
    for row, length in zip(step[:3], source_shape, strict=True):
        index = sum((scale * axis for scale, axis in zip(row[:3], axes, strict=True)), row[3])
        inside &= (index >= -0.5) & (index <= length - 0.5)
    return inside
