"""Which slices of a series are alike: same matrix and frame of reference, tilt and spacing within tolerance.

Scanners write directions and spacings with rounding that differs from slice to slice. A slice belongs to a
group whose typical slice it is close to; rounding each slice's numbers would part neighbours that fall on two
sides of a rounding step.
"""

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cipa.io.dicom.tags import number, numbers, text

SAME_DIRECTION = 2e-3
"""Difference of direction cosines within a group: 0.1 degree, 0.5 mm at the edge of the field of view."""

SAME_SPACING = 1e-3
"""Difference of pixel spacings within a group, as a part: half a pixel of 512."""

EXACT = ("SeriesInstanceUID", "Modality", "Units", "FrameOfReferenceUID")
"""Tags that slices of a group share to the letter, beside the size of the matrix."""


MISSING = (math.nan,) * 8
"""Stands for directions and spacings of a slice without them."""


def group_alike(headers: Sequence[Dataset]) -> list[list[int]]:
    """Sort slices into groups that may make one volume.

    Args:
        headers: of slices, with place or without.

    Returns:
        Indices into `headers`, a list a group, in order; the largest group of a series first.
    """
    exact: dict[tuple[object, ...], list[int]] = defaultdict(list)
    rows = [_row(header) for header in headers]
    for index, header in enumerate(headers):
        sizes = (number(header, "Rows"), number(header, "Columns"))
        exact[(*(text(header, name) for name in EXACT), *sizes, rows[index] is None)].append(index)
    groups: list[list[int]] = []
    for members in exact.values():
        groups += _split(np.array([rows[index] or MISSING for index in members]), members)
    return groups


def difference_between(one: Dataset, other: Dataset) -> str:
    """Return in what two slices of one series differ that are not of one group."""
    words = {
        "matrix": ("Rows", "Columns"),
        "units": ("Units",),
        "frame of reference": ("FrameOfReferenceUID",),
    }
    found = [
        word for word, names in words.items() if any(text(one, name) != text(other, name) for name in names)
    ]
    if found:
        return " and ".join(found)
    return "orientation or pixel spacing"


def typical(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the median of each column of (slices, numbers), a number that one of the slices has."""
    return np.asarray(np.percentile(rows, 50, axis=0, method="lower"))


def _split(rows: npt.NDArray[np.float64], members: list[int]) -> list[list[int]]:
    """Split slices that agree to the letter by the rows of `_row`, which may differ a little."""
    if np.isnan(rows).any():
        return [members]
    limits = np.where(np.arange(8) < 6, SAME_DIRECTION, SAME_SPACING)
    groups, left = [], np.arange(len(members))
    while len(left):
        near = left[_near(rows[left], typical(rows[left]), limits)]
        if len(near) < len(left):  # two kinds: begin with the slice that most others are close to
            centre = max(
                _distinct(rows[left]), key=lambda row: np.count_nonzero(_near(rows[left], row, limits))
            )
            near = left[_near(rows[left], centre, limits)]
        groups.append([members[index] for index in near])
        left = np.setdiff1d(left, near)
    return groups


def _row(header: Dataset) -> tuple[float, ...] | None:
    """Return directions and the logarithms of spacings, 8 numbers; None where a slice lacks them."""
    directions = numbers(header, "ImageOrientationPatient", 6)
    spacing = numbers(header, "PixelSpacing", 2)
    if directions is None or spacing is None or min(spacing) <= 0:
        return None
    return (*directions, *map(math.log, spacing))


def _near(
    rows: npt.NDArray[np.float64], centre: npt.NDArray[np.float64], limits: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    return np.asarray((np.abs(rows - centre) <= limits).all(axis=1))


def _distinct(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return different rows, at most a few hundred of them, evenly taken."""
    unique = np.unique(rows, axis=0)
    return unique[:: max(1, len(unique) // 256)]
