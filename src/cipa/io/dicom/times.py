"""When the tracer was injected and when the scan began, from headers that do not always agree.

Rules: DICOM PS3.3, C.8.9.1 (values corrected to START refer to Series Date and Time); QIBA's vendor-neutral
pseudo-code for SUV (Kinahan and others, "Vendor-neutral pseudo-code for SUV calculation", happy path and
exceptions); the IBSI reference manual, section on SUV. Whatever is not by these rules is a warning.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.clock import Stamp, join, parse_date_time
from cipa.io.dicom.tags import name_of, private, value_as_written
from cipa.io.dicom.time_tags import find_zone, read_clock, read_day, read_local

GE_SCAN_TIME = (0x0009, "GEMS_PETD_01", 0x0D)
"""Private element (0009,100D): when a GE scanner began the scan."""

REFERENCE = "DecayCorrectionDateTime"
"""Of Enhanced PET, PS3.3 C.8.22.5: the moment to which activity was corrected."""

DAY, HALF_DAY = timedelta(days=1), timedelta(hours=12)

ROUNDING = timedelta(seconds=1)
"""A series may begin this much after its first frame, where one of the times was cut to whole seconds."""

LATEST_REWRITE = timedelta(hours=6)
"""A series that seems to begin half a day after its frames, but this short before them if these were dated a
day later, ran past midnight and kept its date."""


@dataclass(frozen=True)
class Moment:
    """A point in local time, the tag it was read from, and what is doubtful about it, one line each."""

    when: datetime
    tag: str
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.when:%Y-%m-%d %H:%M:%S} ({self.tag})"


@dataclass(frozen=True)
class Acquisition:
    """When each frame began to be acquired, in the order of the headers, and what had to be assumed."""

    began: tuple[datetime, ...]
    warnings: tuple[str, ...] = ()

    @property
    def earliest(self) -> datetime:
        """The first of them."""
        return min(self.began)


def read_acquisition(headers: Sequence[Dataset]) -> Acquisition:
    """Read when the frames of a series began to be acquired.

    Frames of one night whose date was not moved on at midnight are put on the next day.

    Raises:
        DataError: a frame has no date and time, or they are malformed.
    """
    assumed: dict[str, None] = {}
    zones = [find_zone(header) for header in headers[:1]]
    began = [_frame(header, zones[0], assumed) for header in headers]
    moved = _past_midnight(began)
    if moved != began:
        assumed[
            f"frames lie on both sides of midnight and {name_of('AcquisitionDate')} was not moved on: those "
            "after it are taken as of the next day"
        ] = None
    return Acquisition(tuple(moved), tuple(assumed))


def find_reference(headers: Sequence[Dataset], acquired: Acquisition) -> tuple[Moment, Acquisition]:
    """Find the moment to which PET corrected for decay is corrected, as the header names it or by its scan.

    Args:
        headers: all slices of the series.
        acquired: their frames.

    Returns:
        Decay Correction DateTime (0018,9701), which Enhanced PET has, else as `find_scan_start`.

    Raises:
        DataError: it differs between slices, or as `find_scan_start` and `read_local`.
    """
    if len({value_as_written(header, REFERENCE) for header in headers}) > 1:
        raise DataError(f"{name_of(REFERENCE)} differs between slices; export one series")
    named = read_local(headers[0], REFERENCE, find_zone(headers[0]))
    return (
        find_scan_start(headers, acquired) if named is None else (Moment(named, name_of(REFERENCE)), acquired)
    )


def find_scan_start(headers: Sequence[Dataset], acquired: Acquisition) -> tuple[Moment, Acquisition]:
    """Find the moment to which PET of DecayCorrection START is corrected.

    It is the series' date and time, unless these lie after an acquisition: then software rewrote them when
    it made a new series, and the scanner's private time (GE) or the earliest acquisition stands in. A private
    time that is not within the day before that acquisition is ignored: anonymisers shift public dates only.

    Args:
        headers: all slices of the series.
        acquired: their frames.

    Returns:
        The moment, and the frames, a day later where the series shows that they lie past midnight.

    Raises:
        DataError: the series' date or time is malformed.
    """
    starts = [_series(header, acquired) for header in headers[:1]]
    series = starts[0]
    if series is None:
        why = f"{name_of('SeriesTime')} is missing"
        return _stand_in(headers[0], acquired.earliest, why), acquired
    tomorrow = acquired.earliest + DAY
    if acquired.earliest + HALF_DAY < series.when <= tomorrow and tomorrow - series.when <= LATEST_REWRITE:
        late = (
            f"{name_of('AcquisitionDate')} was not moved on at midnight: the frames are taken as of the day "
            "after the series began"
        )
        acquired = replace(
            acquired, began=tuple(one + DAY for one in acquired.began), warnings=(*acquired.warnings, late)
        )
    if series.when <= acquired.earliest + ROUNDING:
        return series, acquired
    why = f"{series.tag} {series.when:%Y-%m-%d %H:%M:%S} is after the first frame"
    return _stand_in(headers[0], acquired.earliest, why), acquired


def _frame(header: Dataset, zone: timedelta | None, assumed: dict[str, None]) -> datetime:
    day, clock = read_day(header, "AcquisitionDate"), read_clock(header, "AcquisitionTime")
    if clock is not None and day is not None:
        return join(day, clock)
    whole = read_local(header, "AcquisitionDateTime", zone)
    if whole is not None:
        return whole
    if clock is not None:
        for keyword in ("SeriesDate", "ContentDate", "StudyDate"):
            day = read_day(header, keyword)
            if day is not None:
                assumed[f"{name_of('AcquisitionDate')} is missing; {name_of(keyword)} is taken"] = None
                return join(day, clock)
    raise DataError(
        f"{name_of('AcquisitionDate')} or {name_of('AcquisitionTime')} is missing, so decay cannot be "
        "computed; export the PET again with its dates and times"
    )


def _past_midnight(began: list[datetime]) -> list[datetime]:
    """Move frames a day on that lie more than half a day before all others, but after them by the clock."""
    ordered = sorted(began)
    gaps = [later - earlier for earlier, later in pairwise(ordered)]
    if not gaps or max(gaps) <= HALF_DAY:
        return began
    first_of_evening = ordered[gaps.index(max(gaps)) + 1]
    moved = [one + DAY if one < first_of_evening else one for one in began]
    return moved if max(moved) - min(moved) < HALF_DAY else began


def _series(header: Dataset, acquired: Acquisition) -> Moment | None:
    """Return the series' date and time, None where there is no time."""
    day, clock = read_day(header, "SeriesDate"), read_clock(header, "SeriesTime")
    if clock is None:
        return None
    if day is not None:
        return Moment(join(day, clock), name_of("SeriesTime"))
    near = join(acquired.earliest.date(), clock)
    near -= DAY if near - acquired.earliest > HALF_DAY else timedelta()
    line = f"{name_of('SeriesDate')} is missing; that of the first frame is taken, {near:%Y-%m-%d}"
    return Moment(near, name_of("SeriesTime"), (line,))


def _stand_in(header: Dataset, earliest: datetime, why: str) -> Moment:
    """Return what stands in for the series' date and time, with a warning that says so."""
    scanner: Stamp | None = parse_date_time(private(header, *GE_SCAN_TIME))
    if scanner is not None and earliest - DAY < scanner.when <= earliest + ROUNDING:
        tag, when = "GE private (0009,100D)", scanner.when
    else:
        tag, when = f"earliest {name_of('AcquisitionTime')}", earliest
    line = f"{why}: decay is computed to {tag}, {when:%Y-%m-%d %H:%M:%S}, instead"
    return Moment(when, tag, (line,))
