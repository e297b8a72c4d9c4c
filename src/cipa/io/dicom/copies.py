"""Copies of slices: the same file twice is left out; two slices that only share a UID are both kept.

A copy has the place, the moment and the pixels of another slice, and its UID; an archive that sent a study
twice may have given it another.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cipa.io.dicom.pixels import read_values
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.tags import name_of, numbers, text
from cipa.io.dicom.time_frames import moment_key

SAME_MM = 0.01
"""Positions nearer than this are one; scanners write them to a few micrometres."""

SLANT = np.array([0.36, 0.48, 0.8])
"""A direction along which the slices of hardly any series lie at one height."""


@dataclass(frozen=True)
class Distinct:
    """Slices without copies.

    Attributes:
        slices: in the order given.
        warnings: what was left out, and what is odd about UIDs, one line each.
    """

    slices: tuple[Slice, ...]
    warnings: tuple[str, ...] = ()


def leave_out_copies(slices: Sequence[Slice]) -> Distinct:
    """Leave out copies among the slices of one group.

    Pixels are read only where two slices share place and moment.
    """
    copies = resent = 0
    dropped: set[int] = set()
    for candidates in _at_one_place(slices):
        kept: list[int] = []
        moments = {index: moment_key(slices[index].header) for index in candidates}
        for index in candidates:
            of_frame = (other for other in kept if moments[other] == moments[index])
            twins = [other for other in of_frame if _is_copy(slices[index], slices[other])]
            if not twins:
                kept.append(index)
                continue
            dropped.add(index)
            same = any(_uid(slices[index]) == _uid(slices[twin]) for twin in twins)
            copies, resent = copies + same, resent + (not same)
    left = [one for index, one in enumerate(slices) if index not in dropped]
    lines = []
    if copies:
        lines.append(f"copies of other files left out: {copies}")
    if resent:
        lines.append(f"copies of other files under another UID left out: {resent}")
    counts = Counter(map(_uid, left))
    shared = sum(count for uid, count in counts.items() if uid and count > 1)
    if shared:
        lines.append(
            f"{name_of('SOPInstanceUID')} is not unique: {shared} of {len(left)} slices, of different "
            "place or pixels, share theirs; all are kept"
        )
    return Distinct(tuple(left), tuple(lines))


def _uid(one: Slice) -> str:
    uid = text(one.header, "SOPInstanceUID")
    return f"{uid} {one.frame}" if uid and one.frame else uid


def _at_one_place(slices: Sequence[Slice]) -> list[list[int]]:
    """Return runs of slices whose positions are within tolerance, of two and more."""
    known = [(index, numbers(one.header, "ImagePositionPatient", 3)) for index, one in enumerate(slices)]
    placed = [(index, position) for index, position in known if position is not None]
    if len(placed) < 2:
        return []
    indices = np.array([index for index, _ in placed])
    heights = np.array([position for _, position in placed]) @ SLANT
    order = np.argsort(heights, kind="stable")
    breaks = np.flatnonzero(np.diff(heights[order]) > SAME_MM) + 1
    return [sorted(map(int, indices[run])) for run in np.split(order, breaks) if len(run) > 1]


def _is_copy(one: Slice, other: Slice) -> bool:
    places = [numbers(each.header, "ImagePositionPatient", 3) for each in (one, other)]
    if not np.allclose(np.array(places[0]), np.array(places[1]), rtol=0, atol=SAME_MM):
        return False
    try:
        return bool(np.array_equal(read_values(one), read_values(other)))
    except Exception:  # as `read_values` raises; what cannot be decoded is a copy only byte for byte
        return _content(one) == _content(other)


def _content(one: Slice) -> bytes:
    with one.entry.open() as stream:
        return stream.read()
