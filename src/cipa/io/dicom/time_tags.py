"""Dates and times of a header: None where a tag is absent, an error where it is malformed."""

from datetime import date, datetime, timedelta

from pydicom.dataset import Dataset

from cipa.io.dicom.clock import (
    OFFSETS,
    Clock,
    Stamp,
    join,
    parse_date,
    parse_date_time,
    parse_offset,
    parse_time,
)
from cipa.io.dicom.tags import read_as, tag_error, value_as_written

QUARTER = timedelta(minutes=15)
"""All time zones are whole multiples of it from UTC."""


def read_day(header: Dataset, keyword: str) -> date | None:
    """Return the date in a tag of value representation DA, None where it is absent.

    Raises:
        MalformedTag: it is there and is no date.
    """
    return read_as(header, keyword, parse_date, "a date YYYYMMDD")


def read_clock(header: Dataset, keyword: str) -> Clock | None:
    """Return the time in a tag of value representation TM, None where it is absent.

    Raises:
        MalformedTag: it is there and is no time.
    """
    return read_as(header, keyword, parse_time, "a time HHMMSS")


def read_stamp(header: Dataset, keyword: str) -> Stamp | None:
    """Return the moment in a tag of value representation DT, None where it is absent or a date alone.

    Raises:
        MalformedTag: it is there and is neither date and time nor date.
    """
    found = value_as_written(header, keyword)
    stamp = parse_date_time(found) if found else None
    if found and stamp is None and parse_date(found) is None:
        raise tag_error(keyword, found, "a date and time YYYYMMDDHHMMSS")
    return stamp


def read_local(header: Dataset, keyword: str, zone: timedelta | None) -> datetime | None:
    """Return the moment in a DT tag by the local clock of the header's dates and times.

    Args:
        header: the header.
        keyword: of the tag.
        zone: how far that clock is ahead of UTC, None where it is not known: the tag's own offset is taken
            to be the clock's then.
    """
    stamp = read_stamp(header, keyword)
    if stamp is None:
        return None
    return stamp.when if stamp.offset is None or zone is None else stamp.when - stamp.offset + zone


def find_zone(header: Dataset) -> timedelta | None:
    """Return how far the clock of a header's DA and TM tags is ahead of UTC, None where nothing tells.

    It is Timezone Offset From UTC (0008,0201); without it, what Acquisition DateTime with an offset differs
    by from Acquisition Date and Time.

    Raises:
        MalformedTag: the offset is there and is none.
    """
    zone = read_as(header, "TimezoneOffsetFromUTC", parse_offset, "an offset &ZZXX")
    if zone is not None:
        return zone
    stamp = read_stamp(header, "AcquisitionDateTime")
    day, clock = read_day(header, "AcquisitionDate"), read_clock(header, "AcquisitionTime")
    if stamp is None or stamp.offset is None or day is None or clock is None:
        return None
    return zone_between(join(day, clock), stamp.when - stamp.offset)


def zone_between(local: datetime, utc: datetime) -> timedelta | None:
    """Return the time zone in which `local` is `utc`, None where there is no such zone.

    Either may have fractions of a second that the other lacks.
    """
    zone = round((local - utc) / QUARTER) * QUARTER
    is_one = abs(local - utc - zone) < timedelta(seconds=1) and OFFSETS[0] <= zone <= OFFSETS[1]
    return zone if is_one else None
