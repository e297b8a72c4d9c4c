"""How often a polygon winds about the centre of each voxel of a slice: what is in it, by any rule.

Odd numbers are inside by the even-odd rule, any but 0 by the non-zero rule. A polygon that does not cross
itself has 0 and 1 or 0 and -1 only, whatever keyholes it has, so that one pass fills it and tells whether it
is sound; libraries fill by one rule alone (matplotlib, scikit-image) or take in the outline (Pillow).
"""

import numpy as np
import numpy.typing as npt


def winding_numbers(points: npt.NDArray[np.float64], shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Count how often a closed polygon winds about the centres of voxels.

    Args:
        points: (n, 2), column and row of the corners; centres of voxels have whole numbers. The last corner
            is joined to the first.
        shape: columns and rows of the slice. Parts of the polygon beyond it are taken into account.

    Returns:
        int32 of `shape`.
    """
    columns, rows = shape
    start, end = points, np.roll(points, -1, axis=0)
    rises = start[:, 1] < end[:, 1]
    lower, upper = np.where(rises[:, None], start, end), np.where(rises[:, None], end, start)
    first = np.clip(np.ceil(lower[:, 1]), 0, rows).astype(np.intp)
    last = np.clip(np.ceil(upper[:, 1]), 0, rows).astype(np.intp)  # half open: a corner counts once
    counts = last - first
    edge = np.repeat(np.arange(len(points)), counts)
    row = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
    slope = (upper[edge, 0] - lower[edge, 0]) / (upper[edge, 1] - lower[edge, 1])
    crossing = lower[edge, 0] + (row - lower[edge, 1]) * slope  # from the lower end: both ways are equal
    column = np.clip(np.ceil(crossing), 0, columns).astype(np.intp)
    changes = np.zeros((columns + 1, rows), np.int32)
    np.add.at(changes, (column, row), np.where(rises[edge], 1, -1))
    return np.cumsum(changes[:-1], axis=0, dtype=np.int32)
