"""Plain values of header elements that pydicom has not converted yet.

pydicom converts an element when it is first asked for, checks it against the standard and keeps the result:
60 to 100 us each, a third of the time in which 270 headers are read. Text of one encoding and small integers
need none of it.
"""

from functools import cache

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

PLAIN_TEXT = frozenset({"AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"})
"""Value representations whose text is ASCII, whatever the character set."""

INTEGERS = {"US": (2, False), "SS": (2, True), "UL": (4, False), "SL": (4, True)}
"""Bytes and sign of binary value representations."""


def find_element(header: Dataset, keyword: str) -> DataElement | RawDataElement | None:
    """Return an element as it is, converted or not; None where it is absent or too damaged to get at."""
    try:
        return header.get_item(tag_of(keyword))
    except Exception:  # KeyError where it is absent; pydicom converts elements without a value even here
        return None


def plain_text(header: Dataset, keyword: str) -> str | None:
    """Return the text of an element as the file holds it, without padding; None where it needs pydicom.

    Values of several are separated by backslashes.
    """
    raw = _raw(header, keyword)
    if raw is None or raw[0] not in PLAIN_TEXT or not raw[1].isascii():
        return None
    return raw[1].decode("ascii").strip(" \0\t\r\n")


def plain_integer(header: Dataset, keyword: str) -> int | None:
    """Return the value of an element of one binary integer; None where it is another or needs pydicom."""
    raw = _raw(header, keyword)
    if raw is None or raw[0] not in INTEGERS:
        return None
    size, signed = INTEGERS[raw[0]]
    if len(raw[1]) != size:
        return None
    return int.from_bytes(raw[1], "little" if raw[2] else "big", signed=signed)


@cache
def tag_of(keyword: str) -> int:
    """Return the number of a tag, 0 where there is none of that keyword."""
    return tag_for_keyword(keyword) or 0


@cache
def _representation(keyword: str) -> str:
    return dictionary_VR(tag_of(keyword)) if tag_of(keyword) else ""


def _raw(header: Dataset, keyword: str) -> tuple[str, bytes, bool] | None:
    """Return value representation, bytes and byte order of an element that is not converted yet."""
    item = find_element(header, keyword)
    if not isinstance(item, RawDataElement) or not isinstance(item.value, bytes):
        return None
    return item.VR or _representation(keyword), item.value, item.is_little_endian
