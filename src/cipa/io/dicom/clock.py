"""Dates and times as DICOM writes them (PS3.5, 6.2: DA, TM, DT), and as it should not but is often met.

Legal are `YYYYMMDD`, `HH[MM[SS[.F]]]` and both together with an offset from UTC, `&ZZXX`. Read besides:
separators (colons, dots, dashes, slashes, spaces, a T), more than six digits of a fraction or none after
the point, a decimal comma, AM and PM, padding by spaces and NULs. Day before month, or a digit lost, is a
guess and is not read.
"""

import re
from datetime import date, datetime, timedelta
from typing import NamedTuple

COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
SPLIT_DATE = re.compile(r"(\d{4})([./ -])(\d{1,2})\2(\d{1,2})")

OFFSET = r"(Z|[+-]\d{2}(?::?\d{2})?)?"
TAIL = rf"(?:[.,](\d*))?\s*([AP]M)?\s*{OFFSET}"
COMPACT_TIME = re.compile(rf"(\d{{2}})(\d{{2}})?(\d{{2}})?{TAIL}", re.IGNORECASE)
SPLIT_TIME = re.compile(rf"(\d{{1,2}})(?P<by>[:. -])(\d{{2}})(?:(?P=by)(\d{{2}}))?{TAIL}", re.IGNORECASE)

DATE_TIME = re.compile(r"(\d{8}|\d{4}([./-])\d{1,2}\2\d{1,2})\s*T?\s*(\d.*)", re.IGNORECASE)

OFFSETS = (timedelta(hours=-12), timedelta(hours=14))
"""From the standard's note on `&ZZXX`."""


class Clock(NamedTuple):
    """A time of day: since midnight, and how far its zone is ahead of UTC where that is written with it."""

    since_midnight: timedelta
    offset: timedelta | None = None


class Stamp(NamedTuple):
    """A date and time as written, and how far its zone is ahead of UTC where that is written with it."""

    when: datetime
    offset: timedelta | None = None


def parse_date(found: str) -> date | None:
    """Read a DA value, or the date of a DT value; None where it is none."""
    plain = found.strip(" \0\t")
    compact, split = COMPACT_DATE.fullmatch(plain), SPLIT_DATE.fullmatch(plain)
    if compact is None and split is None:
        stamp = parse_date_time(plain)
        return None if stamp is None else stamp.when.date()
    parts = compact.groups() if compact else (split[1], split[3], split[4]) if split else ()
    try:
        return date(*map(int, parts))
    except ValueError:
        return None


def parse_time(found: str) -> Clock | None:
    """Read a TM value; None where it is none."""
    plain = found.strip(" \0\t")
    compact = COMPACT_TIME.fullmatch(plain)
    split = None if compact else SPLIT_TIME.fullmatch(plain)
    if compact:
        hour, minute, second, fraction, half, zone = compact.groups()
    elif split:
        hour, _, minute, second, fraction, half, zone = split.groups()
    else:
        return None
    if fraction and second is None:
        return None
    hours, minutes, seconds = int(hour), int(minute or 0), int(second or 0)
    if half:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half.upper() == "PM" else 0)
    offset = parse_offset(zone) if zone else None
    if hours > 23 or minutes > 59 or seconds > 60 or (zone and offset is None):
        return None
    since = timedelta(hours=hours, minutes=minutes, seconds=seconds + float(f"0.{fraction or 0}"))
    return Clock(since, offset)


def parse_date_time(found: str) -> Stamp | None:
    """Read a DT value that holds at least an hour; None where it is none."""
    parts = DATE_TIME.fullmatch(found.strip(" \0\t"))
    if parts is None:
        return None
    day, clock = parse_date(parts[1]), parse_time(parts[3])
    return None if day is None or clock is None else Stamp(join(day, clock), clock.offset)


def parse_offset(found: str) -> timedelta | None:
    """Read an offset from UTC, `+0100`, `+01:00`, `+01` or `Z`; None where it is none."""
    plain = found.strip(" \0\t").upper()
    if plain == "Z":
        return timedelta()
    parts = re.fullmatch(r"([+-])(\d{2}):?(\d{2})?", plain)
    if parts is None or int(parts[3] or 0) > 59:
        return None
    offset = timedelta(hours=int(parts[2]), minutes=int(parts[3] or 0)) * (-1 if parts[1] == "-" else 1)
    return offset if OFFSETS[0] <= offset <= OFFSETS[1] else None


def join(day: date, clock: Clock) -> datetime:
    """Return the moment at which a clock showed a time on a day."""
    return datetime.combine(day, datetime.min.time()) + clock.since_midnight
