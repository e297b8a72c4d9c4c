"""When the tracer was injected: from a date-time, a plain time beside it, or one of them, and time zones."""

from contextlib import suppress
from datetime import date, datetime, timedelta

from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.clock import Clock, Stamp, join, parse_date
from cipa.io.dicom.tags import MalformedTag, name_of, value_as_written
from cipa.io.dicom.time_tags import read_clock, read_stamp, zone_between
from cipa.io.dicom.times import DAY, HALF_DAY, Moment

MOST_HALF_LIVES = 8.0
"""Between injection and scan; after more than this, 0.4 % is left and a time must be wrong."""

SAME = timedelta(minutes=1)
"""Date-time and plain time of the injection may differ by this, where one was cut to minutes."""

LONG_LIVED = 10 * 3600.0
"""Half-life in seconds from which a tracer may be imaged on a later day than that of the injection."""

DATE_TIME, TIME = "RadiopharmaceuticalStartDateTime", "RadiopharmaceuticalStartTime"


def find_injection(
    tracer: Dataset, scan: datetime, half_life: float, zone: timedelta | None = None
) -> Moment:
    """Find when the tracer was injected, by the clock of the scan.

    A time without a date is the last such time before the scan, which may be on the day before.

    Args:
        tracer: item of the Radiopharmaceutical Information Sequence.
        scan: a moment after the injection.
        half_life: seconds.
        zone: how far the clock of the scan is ahead of UTC, None where it is not known.

    Raises:
        DataError: no time is there, all are malformed, or none can belong to this scan.
    """
    problems: list[MalformedTag] = []
    stamp = clock = None
    try:
        stamp = read_stamp(tracer, DATE_TIME)
    except MalformedTag as error:
        problems.append(error)
    try:
        clock = read_clock(tracer, TIME)
    except MalformedTag as error:
        problems.append(error)
    if stamp is None and clock is None:
        raise (
            problems[0]
            if problems
            else DataError(
                f"{name_of(TIME)} is missing; export the PET again with its radiopharmaceutical module"
            )
        )
    found = _of_stamp(stamp, clock, zone) if stamp else _of_clock(tracer, clock, scan, half_life, zone)
    _check_uptake(found, scan, half_life, clock if stamp is None else None)
    lines = tuple(f"{str(error).partition(';')[0]}; the other is taken" for error in problems)
    return Moment(found.when, found.tag, lines + found.warnings)


def _of_stamp(stamp: Stamp, clock: Clock | None, zone: timedelta | None) -> Moment:
    """Return the injection by its date-time, and where the plain time beside it differs, a warning."""
    local, lines = stamp.when, []
    if stamp.offset is not None and zone is not None:
        local = stamp.when - stamp.offset + zone
    elif stamp.offset is not None:
        inferred = None if stamp.offset or clock is None else _zone_of_clock(stamp.when, clock)
        if inferred:
            local = stamp.when + inferred
            lines.append(
                f"{name_of(DATE_TIME)} is in UTC and {name_of('TimezoneOffsetFromUTC')} is missing; "
                f"{name_of(TIME)} is taken as the clock of the scan, {local:%Y-%m-%d %H:%M:%S}"
            )
        elif not stamp.offset:
            lines.append(
                f"{name_of(DATE_TIME)} is in UTC and {name_of('TimezoneOffsetFromUTC')} is missing; the "
                "scan's clock is taken as UTC too"
            )
    if clock is not None and _apart(local, clock) > SAME:
        lines.append(
            f"{name_of(DATE_TIME)} says {local:%Y-%m-%d %H:%M:%S} and {name_of(TIME)} "
            f"{_show(clock)}; the first is taken"
        )
    return Moment(local, name_of(DATE_TIME), tuple(lines))


def _of_clock(
    tracer: Dataset, clock: Clock | None, scan: datetime, half_life: float, zone: timedelta | None
) -> Moment:
    """Return the injection by a time of day, on the day that a date-time without a time names or the last."""
    assert clock is not None  # the caller looked
    if clock.offset is not None and zone is not None:
        clock = Clock((clock.since_midnight - clock.offset + zone) % DAY)
    day = _day_alone(tracer)
    if day is not None:
        return Moment(join(day, clock), name_of(TIME))
    found = join(scan.date(), clock)
    found -= DAY if found > scan else timedelta()
    lines = []
    if half_life >= LONG_LIVED:
        lines.append(
            f"{name_of(TIME)} has no date, and a tracer of this half-life may have been injected on an "
            f"earlier day: {found:%Y-%m-%d} is taken"
        )
    return Moment(found, name_of(TIME), tuple(lines))


def _day_alone(tracer: Dataset) -> date | None:
    with suppress(MalformedTag):
        found = value_as_written(tracer, DATE_TIME)
        return parse_date(found) if found else None
    return None


def _zone_of_clock(utc: datetime, clock: Clock) -> timedelta | None:
    """Return the time zone in which a clock shows `clock` at a moment in UTC, None where there is none."""
    days = (join(utc.date() + timedelta(days=step), clock) for step in (0, 1, -1))
    zones = (zone_between(local, utc) for local in days)
    return min((zone for zone in zones if zone is not None), key=abs, default=None)


def _apart(moment: datetime, clock: Clock) -> timedelta:
    apart = abs(moment - join(moment.date(), clock))
    return min(apart, DAY - apart) if apart > HALF_DAY else apart


def _show(clock: Clock) -> str:
    return f"{datetime.min + clock.since_midnight:%H:%M:%S}"


def _check_uptake(found: Moment, scan: datetime, half_life: float, clock: Clock | None) -> None:
    """Refuse an injection after the scan, or so long before it that nothing would be left."""
    seconds = (scan - found.when).total_seconds()
    if 0 <= seconds <= MOST_HALF_LIVES * half_life:
        return
    shown = f"{found.tag} {found.when:%Y-%m-%d %H:%M:%S}"
    if clock is not None and join(scan.date(), clock) > scan:
        after = join(scan.date(), clock) - scan
        raise DataError(
            f"{found.tag} {_show(clock)} is {after.total_seconds() / 60:.1f} min after the scan began at "
            f"{scan:%H:%M:%S}, or {seconds / 3600:.1f} h before it, on the day before; neither can be: "
            "correct that tag"
        )
    if seconds < 0:
        raise DataError(
            f"{shown} is {-seconds / 60:.1f} min after the scan began at {scan:%Y-%m-%d %H:%M:%S}, which "
            "cannot be; correct that tag"
        )
    raise DataError(
        f"{shown} is {seconds / 3600:.1f} h before the scan at {scan:%Y-%m-%d %H:%M:%S}, "
        f"{seconds / half_life:.1f} half-lives of {half_life:g} s, which cannot be; correct "
        f"{name_of('RadionuclideHalfLife')} or that tag"
    )
