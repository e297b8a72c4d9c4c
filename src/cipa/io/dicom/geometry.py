"""Where the slices of a series lie: their order along the normal, the grid they make, and what spoils it.

Positions come from Image Position and Image Orientation (Patient), DICOM PS3.3 C.7.6.2.1.1; file names,
instance numbers and Slice Location are not looked at. DICOM's world is LPS, this package's is RAS.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cipa.io.dicom.grouping import typical
from cipa.io.dicom.tags import numbers

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

SAME_MM = 0.01
"""Slices nearer than this lie at one position; scanners write positions to a few micrometres."""

UNEVEN = 0.05
"""Part of the spacing by which a slice may miss its place on the even grid (rounding, table wear)."""

GAP = 1.5
"""A step of this many spacings means that a slice is missing."""


@dataclass(frozen=True)
class Stack:
    """How slices make a volume.

    Attributes:
        order: indices of the slices along the normal, the cross product of row and column directions.
        affine: (4, 4), indices (column, row, slice in that order) to world millimetres, RAS+; None where the
            slices make no grid.
        problems: why they make none, one line each.
    """

    order: tuple[int, ...]
    affine: npt.NDArray[np.float64] | None
    problems: tuple[str, ...] = ()


def has_place(header: Dataset) -> bool:
    """Tell whether a slice says where it lies: position, two perpendicular directions, pixel spacing."""
    directions = numbers(header, "ImageOrientationPatient", 6)
    spacing = numbers(header, "PixelSpacing", 2)
    if directions is None or spacing is None or numbers(header, "ImagePositionPatient", 3) is None:
        return False
    row, column = np.reshape(directions, (2, 3))
    is_unit = np.allclose([row @ row, column @ column], 1, atol=1e-2)
    return bool(is_unit and abs(row @ column) < 1e-2 and min(spacing) > 0)


def stack_slices(headers: Sequence[Dataset]) -> Stack:
    """Sort slices and check that they make an even grid.

    A tilted gantry shears the grid, which an affine can say: the step from slice to slice is the straight
    line through the positions, not the normal.

    Args:
        headers: slices of one group, all with `has_place`; directions and spacing are those typical of it.

    Returns:
        Their order and grid, or what is wrong.
    """
    positions = np.array([numbers(header, "ImagePositionPatient", 3) for header in headers])
    directions = typical(np.array([numbers(header, "ImageOrientationPatient", 6) for header in headers]))
    spacing = typical(np.array([numbers(header, "PixelSpacing", 2) for header in headers]))
    row, column = np.reshape(directions, (2, 3))
    along = positions @ np.cross(row, column)
    order = np.argsort(along, kind="stable")
    indices = tuple(int(index) for index in order)
    if len(headers) < 2:
        return Stack(indices, None, ("one slice alone, whose thickness is not known; give the whole series",))
    problems = _uneven(along[order], positions[order])
    if problems:
        return Stack(indices, None, problems)
    affine = np.eye(4)
    affine[:3, 0] = row * spacing[1]  # PixelSpacing is between rows first, then between columns
    affine[:3, 1] = column * spacing[0]
    affine[:3, 2] = (positions[order[-1]] - positions[order[0]]) / (len(headers) - 1)
    affine[:3, 3] = positions[order[0]]
    return Stack(indices, LPS_TO_RAS @ affine)


def _uneven(along: npt.NDArray[np.float64], positions: npt.NDArray[np.float64]) -> tuple[str, ...]:
    """Say what keeps sorted slices, `along` mm up the normal, from being an even stack."""
    steps = np.diff(along)
    doubled = int(np.count_nonzero(steps < SAME_MM))
    if doubled:
        return (
            f"{doubled} of {len(along)} slices lie where another does (dynamic, gated or doubled series); "
            "export one static image",
        )
    usual = float(np.percentile(steps, 50, method="lower"))  # of two steps, the one that skips nothing
    gaps = np.flatnonzero(steps > GAP * usual)
    if len(gaps):
        missing = sum(max(1, round(step / usual) - 1) for step in steps[gaps])
        first = int(gaps[0])
        return (
            f"slices are missing (about {missing}), the first between {along[first]:.2f} and "
            f"{along[first + 1]:.2f} mm along the normal, where slices are {usual:.2f} mm apart; export all",
        )
    even = np.linspace(positions[0], positions[-1], len(positions))
    worst = float(np.max(np.linalg.norm(positions - even, axis=1)))
    if worst > UNEVEN * usual:
        return (
            f"uneven spacing: a slice is {worst:.2f} mm off the even grid of {usual:.2f} mm; "
            "export one reconstruction of even spacing",
        )
    return ()
