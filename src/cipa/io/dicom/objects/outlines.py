"""Outlines of a mask on one slice as closed polygons; holes are joined to what is about them by keyholes.

The line runs halfway between the centres of voxels within and without (marching squares at one half, by
contourpy), so that whoever fills it by the centres of voxels has the mask again, voxel for voxel.
"""

import numpy as np
import numpy.typing as npt
from contourpy import FillType, contour_generator

MOST_TRIED = 64
"""Bridges to a hole that are looked at, from the shortest on."""

CLEARANCE = 0.1
"""Voxels between a bridge and the centre of a voxel."""

Points = npt.NDArray[np.float64]


def outline_slice(mask: npt.NDArray[np.bool_]) -> list[Points]:
    """Return a polygon about each 4- or 8-connected part of a mask.

    Args:
        mask: (columns, rows) of one slice.

    Returns:
        (n, 2) each: column and row of its corners, the first one not repeated. A hole is entered and left by
        one line of no width (keyhole, DICOM PS3.3 C.8.8.6.3); an island within a hole is a polygon of its
        own.
    """
    there = np.argwhere(mask)
    if not len(there):
        return []
    low, high = there.min(axis=0) - 1, there.max(axis=0) + 2
    inner = np.zeros(high - low, np.float64)  # a rim of zeros closes what touches the image's edge
    inner[1:-1, 1:-1] = mask[low[0] + 1 : high[0] - 1, low[1] + 1 : high[1] - 1]
    generator = contour_generator(z=inner.T, name="serial", fill_type=FillType.OuterOffset)
    polygons = []
    for points, offsets in zip(*generator.filled(0.5, 2.0), strict=True):
        rings = [
            _corners(points[start : stop - 1]) + low
            for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
        ]
        polygons.append(_join_holes(rings[0], rings[1:]))
    return polygons


def _corners(ring: Points) -> Points:
    """Leave out points on a straight line between their neighbours."""
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    turns = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    return ring[np.abs(turns) > 1e-9]


def _join_holes(outer: Points, holes: list[Points]) -> Points:
    """Join holes to a ring, always the one that is nearest to it, so that no bridge crosses another hole."""
    rest = list(holes)
    while rest:
        nearest = [_nearest(outer, hole) for hole in rest]
        chosen = int(np.argmin([distance for distance, _, _ in nearest]))
        _, at, first = nearest[chosen]
        hole = np.roll(rest.pop(chosen), -first, axis=0)
        outer = np.concatenate([outer[: at + 1], hole, hole[:1], outer[at:]])
    return outer


def _nearest(ring: Points, hole: Points) -> tuple[float, int, int]:
    """Return the squared length of a short bridge between two rings, and the corners that it joins.

    It is the shortest of those that pass no centre of a voxel, which programs that fill would take for in or
    out as their rounding goes.
    """
    squares = ((ring[:, None] - hole[None]) ** 2).sum(axis=2)
    tried = np.argsort(squares, axis=None, kind="stable")[:MOST_TRIED]
    pairs = list(zip(*np.unravel_index(tried, squares.shape), strict=True))
    at, first = next((pair for pair in pairs if _is_clear(ring[pair[0]], hole[pair[1]])), pairs[0])
    return float(squares[at, first]), int(at), int(first)


def _is_clear(start: Points, end: Points) -> bool:
    """Tell whether a line keeps `CLEARANCE` from every voxel's centre: whole columns and rows."""
    low, high = np.floor(np.minimum(start, end)), np.ceil(np.maximum(start, end)) + 1
    centres = np.stack(np.meshgrid(*map(np.arange, low, high)), axis=-1).reshape(-1, 2) - start
    step = end - start
    along = np.clip(centres @ step / max(float(step @ step), 1e-12), 0, 1)
    return bool((((centres - along[:, None] * step) ** 2).sum(axis=1) >= CLEARANCE**2).all())
