"""How far lesions extend and lie apart, and on which side of the patient they are."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import combinations
from math import dist
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from cipa.lesions.body import Body

Side = Literal["left", "right", "midline"]

MIDLINE_MM = 10.0
"""A centroid nearer to the middle of the body than this is on neither side."""

HALVES = np.array([[0.5, 0.0], [-0.5, 0.0], [0.0, 0.5], [0.0, -0.5]])
"""From the centre of a pixel to the middles of its edges."""


def longest_axial_mm(inside: npt.NDArray[np.bool_], edges: tuple[float, float, float]) -> float:
    """Return the longest diameter of a lesion in any axial slice, mm: the greatest Feret diameter.

    Measured between the middles of the outer edges of pixels: n pixels in a row are n pixels long, as with a
    ruler on a screen, and not n - 1 as between their centres. Parts of a lesion that one slice cuts apart
    count together.

    Args:
        inside: (S, H, W), the lesion's voxels.
        edges: millimetres between slices, rows and columns.
    """
    return max((_feret_mm(plane, edges[1:]) for plane in inside if plane.any()), default=0.0)


def largest_distance_mm(centroids: Sequence[tuple[float, float, float]]) -> float | None:
    """Return Dmax, the largest distance between centroids of lesions in mm; None of fewer than two.

    Cottereau et al., Ann Oncol 31 (2020) 404 define it between centroids of the lesions farthest apart.
    """
    return max((dist(one, other) for one, other in combinations(centroids, 2)), default=None)


def side_of(slices: tuple[int, int], column: float, body: Body | None, column_mm: float) -> Side | None:
    """Return the side of the patient that a lesion is on, None where no patient was found in its slices.

    The middle of the patient is the median column of the body in the lesion's slices.

    Args:
        slices: first and last axial slice of the lesion.
        column: of its centroid; columns run from the patient's right to the left.
        body: the patient, on the same axial slices.
        column_mm: millimetres between columns.
    """
    if body is None:
        return None
    first, last = slices[0] // body.steps[0], slices[1] // body.steps[0]
    counts = np.count_nonzero(body.cells[first : last + 1], axis=(0, 1))
    if not counts.any():
        return None
    cell = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))
    middle = (cell + 0.5) * body.steps[2] - 0.5
    apart = (column - middle) * column_mm
    if abs(apart) < MIDLINE_MM:
        return "midline"
    return "left" if apart > 0 else "right"


def _feret_mm(plane: npt.NDArray[np.bool_], edges: tuple[float, float]) -> float:
    """Return the greatest distance between outer points of a shape (H, W)."""
    rim = plane.copy()
    rim[:, 1:-1] &= ~(
        plane[:, :-2] & plane[:, 2:]
    )  # of a run of pixels in a row only its ends can be outermost
    points = (np.argwhere(rim)[:, None] + HALVES).reshape(-1, 2) * edges
    with suppress(QhullError):  # which shapes with area do not raise; all points count then
        points = points[ConvexHull(points).vertices]
    return float(pdist(points).max())
