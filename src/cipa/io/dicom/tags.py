"""Values of a DICOM header as numbers, words and moments; what is absent, empty or malformed is None.

Scanners and archives write headers that break the standard; pydicom converts a value when it is asked for and
raises then. Whether an absent value matters is for the caller to say, by the name of its tag.
"""

import math
import re
from datetime import datetime, timedelta
from typing import Any

from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import Tag

TIME = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2})?(\.\d{1,6})?$")
"""Value representation TM; colons were written by ACR-NEMA and are still met."""

DATE = re.compile(r"(\d{4})[.]?(\d{2})[.]?(\d{2})$")
"""Value representation DA, and the old form with dots."""

DATE_TIME = re.compile(r"(\d{8})(\d{2}[\d.]*)([+-]\d{4})?$")
"""Value representation DT with at least an hour. Its offset from UTC is left out: DA and TM are local too."""


def name_of(keyword: str) -> str:
    """Return a tag as errors write it: `Patient's Weight (0010,1030)`."""
    tag = Tag(tag_for_keyword(keyword) or 0)
    return f"{dictionary_description(tag)} ({tag.group:04X},{tag.element:04X})"


def value(header: Dataset, keyword: str) -> Any:
    """Return a tag's value, or None where it is absent, empty or cannot be converted."""
    try:
        found = header.get(keyword)
    except Exception:  # pydicom converts here, and raises almost anything for bytes that are damaged
        return None
    return None if found is None or (hasattr(found, "__len__") and len(found) == 0) else found


def text(header: Dataset, keyword: str) -> str:
    """Return a tag's value as one line of text, empty where there is none."""
    found = value(header, keyword)
    if found is None:
        return ""
    plain = str(found)
    if not plain.isprintable():
        plain = "".join(letter if letter.isprintable() else " " for letter in plain)
    return plain.strip()


def words(header: Dataset, keyword: str) -> tuple[str, ...]:
    """Return the values of a tag of several code strings, in capitals."""
    found = value(header, keyword)
    if found is None:
        return ()
    return tuple(str(word).strip().upper() for word in ([found] if isinstance(found, str) else found))


def number(header: Dataset, keyword: str) -> float | None:
    """Return a tag's value as a finite number, or None."""
    return _as_number(value(header, keyword))


def numbers(header: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return a tag's values as finite numbers, or None unless there are `count` of them."""
    found = value(header, keyword)
    if found is None or isinstance(found, str) or not hasattr(found, "__len__") or len(found) != count:
        return None
    converted = [_as_number(one) for one in found]
    return None if None in converted else tuple(float(one) for one in converted if one is not None)


def private(header: Dataset, group: int, creator: str, offset: int) -> str:
    """Return the value of a private element as text, empty where there is none.

    Args:
        header: the header.
        group: the element's odd group.
        creator: who reserved the block. Where an anonymiser removed that note the first block counts.
        offset: the element's last two hexadecimal digits.
    """
    try:
        raw = _private_element(header, group, creator, offset)
    except Exception:  # as in `value`, and KeyError where it is absent
        return ""
    found = raw.decode("ascii", "replace") if isinstance(raw, bytes) else str("" if raw is None else raw)
    return found.strip(" \0")


def private_number(header: Dataset, group: int, creator: str, offset: int) -> float | None:
    """Return the value of a private element as a finite number, or None."""
    return _as_number(private(header, group, creator, offset))


def moment(date: str, time: str) -> datetime | None:
    """Join a DA and a TM value; None where either is absent or malformed."""
    day, clock = DATE.match(date.strip()), time_of_day(time)
    if day is None or clock is None:
        return None
    try:
        return datetime(int(day[1]), int(day[2]), int(day[3])) + clock
    except ValueError:
        return None


def date_time(found: str) -> datetime | None:
    """Read a DT value that holds at least an hour; None where it is absent or malformed."""
    parts = DATE_TIME.match(found.strip())
    return None if parts is None else moment(parts[1], parts[2])


def time_of_day(found: str) -> timedelta | None:
    """Read a TM value as the time since midnight; None where it is absent or malformed."""
    parts = TIME.match(found.strip())
    if parts is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in parts.groups()[:3])
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return timedelta(hours=hours, minutes=minutes, seconds=seconds + float(parts[4] or 0))


def _private_element(header: Dataset, group: int, creator: str, offset: int) -> Any:
    try:
        return header.private_block(group, creator)[offset].value
    except KeyError:
        if (group, 0x0010) in header:
            raise
        return header[group, 0x1000 + offset].value


def _as_number(found: Any) -> float | None:
    try:
        converted = float(found)
    except (TypeError, ValueError):
        return None
    return converted if math.isfinite(converted) else None
