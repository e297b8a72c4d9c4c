"""Time frames: images of the same places at several moments of a dynamic or gated series.

At each position a series has a slice a frame. Slices of one position are told apart by, in this order, what
the header calls the frame (Temporal Position Index or Identifier), when it began, Frame Reference Time, the
delay after the trigger, and the phase of heart or breath; the first slices of all positions are frame 1.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.geometry import SAME_MM
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.tags import number, numbers, words
from cipa.io.dicom.times import read_acquisition

KEYS = (
    *("TemporalPositionIndex", "TemporalPositionIdentifier"),
    *("TemporalPositionTimeOffset", "FrameReferenceTime", "TriggerTime"),
    *("NominalPercentageOfCardiacPhase", "NominalPercentageOfRespiratoryPhase"),
)
"""Tags that tell slices of one position apart, beside when they began."""


@dataclass(frozen=True)
class TimeFrame:
    """One image of a dynamic or gated series.

    Attributes:
        number: from 1, in the order of time.
        slices: of this frame.
        start: seconds from the start of the first frame, None where headers do not tell.
        seconds: how long it was acquired, None where headers do not tell or slices differ.
        trigger_ms: delay after the trigger, None where it is not gated so.
        phase: percentage of the cycle of heart or breath, None where it is not gated so.
    """

    number: int
    slices: tuple[Slice, ...]
    start: float | None = None
    seconds: float | None = None
    trigger_ms: float | None = None
    phase: float | None = None

    def row(self) -> dict[str, float | None]:
        """Return what tells the frame from others, for JSON."""
        return {
            "number": self.number,
            "start_s": self.start,
            "seconds": self.seconds,
            "trigger_ms": self.trigger_ms,
            "phase_percent": self.phase,
        }


def moment_key(header: Dataset) -> tuple[float, ...]:
    """Return what tells slices of one position apart, in the order of frames; equal for copies."""
    began = _began(header)
    found = [number(header, keyword) for keyword in KEYS]
    found.insert(2, None if began is None else (began - datetime.min).total_seconds())
    if words(header, "SeriesType")[:1] != ("STATIC",):
        found.append(number(header, "ImageIndex"))
    return tuple(-1.0 if one is None else one for one in found)


def split_by_time(slices: Sequence[Slice]) -> tuple[tuple[TimeFrame, ...], str | None]:
    """Sort the slices of one group into time frames.

    Args:
        slices: all with a place, without copies.

    Returns:
        The frames, none where every position has one slice; and why there are none though positions have
        several, None where that is not so or `cipa.io.dicom.geometry.stack_slices` will say it.
    """
    runs = _by_position(slices)
    counts = Counter(map(len, runs))
    if set(counts) == {1}:
        return (), None
    keys = [moment_key(one.header) for one in slices]
    if any(len({keys[index] for index in run}) < len(run) for run in runs) or counts[1] or len(runs) < 2:
        return (), None
    if len(counts) > 1:
        there = ", ".join(f"{count} at {places}" for count, places in sorted(counts.items(), reverse=True))
        return (
            (),
            f"positions have unlike numbers of time frames ({there} of {len(runs)}); export all of them",
        )
    ordered = [sorted(run, key=lambda index: keys[index]) for run in runs]
    frames = [tuple(slices[run[place]] for run in ordered) for place in range(len(runs[0]))]
    for members in frames:
        named = {number(one.header, "TemporalPositionIndex") for one in members}
        if len(named) > 1:
            return (), "Temporal Position Index (0020,9128) does not part it into frames; export it again"
    return _describe(frames), None


def describe_frames(frames: Sequence[TimeFrame]) -> str:
    """List frames with their times in a line; neighbours of the same duration together."""
    runs: list[list[TimeFrame]] = []
    for frame in frames:
        is_alike = runs and _kind(runs[-1][0]) == _kind(frame) and not _is_gated(frame)
        if is_alike and _follows(runs[-1][-1], frame):
            runs[-1].append(frame)
        else:
            runs.append([frame])
    shown = [_show(run) for run in runs]
    return ", ".join(shown if len(shown) <= 12 else [*shown[:10], "...", shown[-1]])


def clock(seconds: float) -> str:
    """Return seconds as minutes and seconds: `2:05`."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def _describe(frames: list[tuple[Slice, ...]]) -> tuple[TimeFrame, ...]:
    began = [[_began(one.header) for one in members] for members in frames]
    known = [[one for one in row if one is not None] for row in began]
    is_timed = all(map(all, began)) and all(known)
    first = min(map(min, known)) if is_timed else datetime.min
    found = []
    for index, members in enumerate(frames):
        start = (min(known[index]) - first).total_seconds() if is_timed else None
        milliseconds = _shared_number(members, "ActualFrameDuration")
        names = (f"NominalPercentageOf{what}Phase" for what in ("Cardiac", "Respiratory"))
        phases = (_shared_number(members, name) for name in names)
        found.append(
            TimeFrame(
                index + 1,
                members,
                start,
                None if not milliseconds else milliseconds / 1000,
                _shared_number(members, "TriggerTime"),
                next((phase for phase in phases if phase is not None), None),
            )
        )
    return tuple(found)


def _shared_number(members: Sequence[Slice], keyword: str) -> float | None:
    found = {number(one.header, keyword) for one in members}
    return found.pop() if len(found) == 1 else None


def _by_position(slices: Sequence[Slice]) -> list[list[int]]:
    """Return the indices of slices at each position along the normal, in its order."""
    headers = [one.header for one in slices]
    positions = np.array([numbers(header, "ImagePositionPatient", 3) for header in headers])
    directions = np.reshape(np.array(numbers(headers[0], "ImageOrientationPatient", 6)), (2, 3))
    along: npt.NDArray[np.float64] = positions @ np.cross(directions[0], directions[1])
    order = np.argsort(along, kind="stable")
    breaks = np.flatnonzero(np.diff(along[order]) > SAME_MM) + 1
    return [list(map(int, run)) for run in np.split(order, breaks)]


def _began(header: Dataset) -> datetime | None:
    try:
        return read_acquisition([header]).began[0]
    except DataError:
        return None


def _is_gated(frame: TimeFrame) -> bool:
    return frame.trigger_ms is not None or frame.phase is not None


def _kind(frame: TimeFrame) -> tuple[float | None, bool]:
    return frame.seconds, frame.start is None


def _follows(one: TimeFrame, other: TimeFrame) -> bool:
    """Tell whether a frame begins where another ends, or nothing is known of that."""
    if one.start is None or other.start is None or one.seconds is None:
        return True
    return abs(one.start + one.seconds - other.start) < 1


def _show(run: list[TimeFrame]) -> str:
    first, name = run[0], str(run[0].number)
    if len(run) > 1:
        name += f"-{run[-1].number}"
    parts = [] if first.start is None or _is_gated(first) else [f"from {clock(first.start)}"]
    if first.trigger_ms is not None:
        parts.append(f"at {first.trigger_ms:g} ms after the trigger")
    if first.phase is not None:
        parts.append(f"at {first.phase:g} % of the cycle")
    if first.seconds is not None and not _is_gated(first):
        parts.append(f"for {first.seconds:g} s" + (" each" if len(run) > 1 else ""))
    return " ".join([name, *parts])
