"""Which time frames of a dynamic or gated series are segmented: one, or the mean of several."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError, UsageError
from cipa.io.dicom.series import Series
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.tags import name_of, number
from cipa.io.dicom.time_frames import TimeFrame, describe_frames

WAY_OUT = "choose with --frame N or --sum A-B"

GAP_SECONDS = 1.0
"""Between the end of a frame and the start of the next, from which it is a gap and no rounding."""


class FrameRange(NamedTuple):
    """Frames from the first to the last, both included, counted from 1; of several the mean is meant."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"--frame {self.first}" if self.first == self.last else f"--sum {self.first}-{self.last}"


def frame_range(frame: int | None, sum_frames: Sequence[int] | None) -> FrameRange | None:
    """Return the frames that a user named, None where none was.

    Raises:
        UsageError: both were given, a number is below 1, or the last frame comes before the first.
    """
    if frame is not None and sum_frames is not None:
        raise UsageError("frame and sum_frames: give one of them")
    if frame is None and sum_frames is None:
        return None
    found = [frame, frame] if sum_frames is None else list(sum_frames)
    numbers = [one for one in found if isinstance(one, int) and one >= 1]
    if len(found) != 2 or len(numbers) != 2 or numbers[0] > numbers[1]:
        raise UsageError(f"frames {'-'.join(map(str, found))}: give two numbers from 1, the lower one first")
    return FrameRange(numbers[0], numbers[1])


def unchosen_frames(series: Series) -> str | None:
    """Say that frames of a series have to be chosen, and which there are; None where it is one image."""
    if not series.frames:
        return None
    return f"{len(series.frames)} time frames ({describe_frames(series.frames)}); {WAY_OUT}"


def take_frames(series: Series, wanted: FrameRange | None) -> tuple[TimeFrame, ...]:
    """Return the frames of a series that are wanted; of one that is a single image, that image.

    Raises:
        DataError: it has several and none was named, or it lacks one that was.
    """
    if not series.frames:
        return (TimeFrame(1, series.slices),)
    if wanted is None:
        raise DataError(f"{series.title}: {unchosen_frames(series)}")
    if wanted.last > len(series.frames):
        raise DataError(f"{series.title}: no frame {wanted.last} ({wanted}), {unchosen_frames(series)}")
    return series.frames[wanted.first - 1 : wanted.last]


def frame_weights(series: Series, frames: Sequence[TimeFrame]) -> npt.NDArray[np.float64]:
    """Return the weights of frames in their mean: how long each slice was acquired.

    Returns:
        float64 (frames, slices). One frame alone, and CT without durations, have weight 1.

    Raises:
        DataError: a slice of PET does not say how long it was acquired.
    """
    weights = np.array([[_milliseconds(one) for one in frame.slices] for frame in frames])
    if len(frames) == 1 or (series.modality == "CT" and not np.all(weights > 0)):
        return np.ones_like(weights)
    if not np.all(weights > 0):
        raise DataError(
            f"{series.title}: {name_of('ActualFrameDuration')} is missing, by which frames are weighted; "
            "name one with --frame"
        )
    return weights


def frame_lines(series: Series, taken: Sequence[TimeFrame]) -> tuple[str, ...]:
    """Say which frames of a series are used, nothing where it is one image."""
    if not series.frames:
        return ()
    of = f"of {len(series.frames)} time frames"
    if len(taken) == 1:
        return (f"{series.title}: one {of} is used, {describe_frames(taken)}",)
    lines = [
        f"{series.title}: the mean of {len(taken)} {of} is used, weighted by duration: "
        f"{describe_frames(taken)}"
    ]
    gaps = sum(_gap(one, other) > GAP_SECONDS for one, other in pairwise(taken))
    if gaps:
        lines.append(f"{series.title}: {gaps} gaps in time lie between these frames")
    return tuple(lines)


def frame_facts(series: Series, taken: Sequence[TimeFrame]) -> dict[str, object]:
    """Return which frames of a series were used, for JSON; nothing where it is one image."""
    if not series.frames:
        return {}
    return {"frames": {"of": len(series.frames), "used": [one.row() for one in taken]}}


def _milliseconds(one: Slice) -> float:
    return number(one.header, "ActualFrameDuration") or 0.0


def _gap(one: TimeFrame, other: TimeFrame) -> float:
    """Return the seconds between two frames, 0 where they are gated or times are not known."""
    if one.start is None or other.start is None or one.seconds is None or one.start == other.start:
        return 0.0
    return other.start - one.start - one.seconds
