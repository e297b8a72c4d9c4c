"""Values of a DICOM header as numbers and words.

A tag is absent (or empty, which DICOM means by it), malformed, or used. Where that makes a difference,
`values_as_written` tells what stands there, and `read_number` and the readers of times refuse what is
malformed; the plain readers `text`, `number` and `words` give nothing for both.
"""

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

from pydicom.datadict import dictionary_description
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag

from cipa.errors import DataError
from cipa.io.dicom.raw_values import find_element, plain_integer, plain_text, tag_of

Value = TypeVar("Value")

PADDING = " \0\t\r\n"

QUOTED = re.compile(r"[\d.,:+\-/eE ]{1,40}")
"""A value that a message may hold: numbers, dates and times. Other text may be a name in the wrong tag."""


class MalformedTag(DataError):
    """A tag is there, and what it holds cannot be what it must be."""


def name_of(keyword: str) -> str:
    """Return a tag as messages write it: `Patient's Weight (0010,1030)`."""
    tag = Tag(tag_of(keyword))
    return f"{dictionary_description(tag)} ({tag.group:04X},{tag.element:04X})"


def tag_error(keyword: str, found: str, wanted: str) -> MalformedTag:
    """Return the error that a tag does not hold, say, `a time`; its value is quoted if it holds no words."""
    return MalformedTag(f"{name_of(keyword)} is {quote(found)}, which is not {wanted}; correct that tag")


def quote(found: str) -> str:
    """Return a value as a message may hold it."""
    return repr(found) if QUOTED.fullmatch(found) else f"{len(found)} characters of text"


def value(header: Dataset, keyword: str) -> Any:
    """Return a tag's value, or None where it is absent, empty or cannot be converted."""
    try:
        found = header.get(keyword)
    except Exception:  # pydicom converts here, and raises almost anything for bytes that are damaged
        return None
    return None if found is None or (hasattr(found, "__len__") and len(found) == 0) else found


def text(header: Dataset, keyword: str) -> str:
    """Return a tag's value as one line of text, empty where there is none."""
    plain = plain_text(header, keyword)
    if plain is not None and plain.isprintable() and "\\" not in plain:
        return plain
    found = value(header, keyword)
    if found is None:
        return ""
    plain = str(found)
    if not plain.isprintable():
        plain = "".join(letter if letter.isprintable() else " " for letter in plain)
    return plain.strip()


def words(header: Dataset, keyword: str) -> tuple[str, ...]:
    """Return the values of a tag of several code strings, in capitals."""
    plain = plain_text(header, keyword)
    if plain is not None:
        return tuple(word.strip().upper() for word in plain.split("\\")) if plain else ()
    found = value(header, keyword)
    if found is None:
        return ()
    return tuple(str(word).strip().upper() for word in ([found] if isinstance(found, str) else found))


def raw_bytes(header: Dataset, keyword: str) -> bytes:
    """Return a tag's value as the file holds it, before any conversion; empty where it is absent."""
    item = find_element(header, keyword)
    found = None if item is None else item.value
    if isinstance(found, bytes):
        return found
    original = getattr(found, "original_string", None)  # of a person's name, kept by pydicom
    if isinstance(original, bytes) and original:
        return original
    plain = "\\".join(map(str, found)) if isinstance(found, MultiValue) else str(found or "")
    return plain.encode("utf-8", "replace")


def values_as_written(header: Dataset, keyword: str) -> tuple[str, ...]:
    """Return the values of a tag of numbers, dates or times as written, without padding and what is empty."""
    item = find_element(header, keyword)
    if item is None:
        return ()
    found = item.value
    if isinstance(item, RawDataElement):
        found = (found or b"").decode("latin-1").split("\\")
    elif found is None or isinstance(found, str) or not hasattr(found, "__iter__"):
        found = [] if found is None else str(found).split("\\")
    elif isinstance(found, bytes):
        found = found.decode("latin-1").split("\\")
    return tuple(plain for one in found if (plain := str(one).strip(PADDING)))


def value_as_written(header: Dataset, keyword: str) -> str:
    """Return the one value of a tag as written, empty where it is absent.

    Raises:
        MalformedTag: it holds several that differ.
    """
    found = set(values_as_written(header, keyword))
    if len(found) > 1:
        values = ", ".join(quote(one) for one in sorted(found))
        raise MalformedTag(
            f"{name_of(keyword)} holds {len(found)} values ({values}) for one; correct that tag"
        )
    return found.pop() if found else ""


def read_as(header: Dataset, keyword: str, parse: Callable[[str], Value | None], wanted: str) -> Value | None:
    """Return what a parser makes of a tag's value, None where it is absent.

    Args:
        header: the header.
        keyword: of the tag.
        parse: returns None for what it cannot read.
        wanted: what the tag must hold: "a number".

    Raises:
        MalformedTag: it is there and cannot be read, or holds several values that differ.
    """
    found = value_as_written(header, keyword)
    if not found:
        return None
    parsed = parse(found)
    if parsed is None:
        raise tag_error(keyword, found, wanted)
    return parsed


def read_number(header: Dataset, keyword: str) -> float | None:
    """Return a tag's value as a finite number, None where it is absent.

    Raises:
        MalformedTag: it is there and is no number.
    """
    return read_as(header, keyword, _as_number, "a number")


def number(header: Dataset, keyword: str) -> float | None:
    """Return a tag's value as a finite number, None where it is absent or malformed."""
    plain = plain_text(header, keyword)
    integer = plain_integer(header, keyword) if plain is None else None
    if plain is not None or integer is not None:
        return _as_number(integer if plain is None else plain)
    return _as_number(value(header, keyword))


def numbers(header: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return a tag's values as finite numbers, or None unless there are `count` of them."""
    plain = plain_text(header, keyword)
    found = value(header, keyword) if plain is None else plain.split("\\")
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
    return found.strip(PADDING)


def private_number(header: Dataset, group: int, creator: str, offset: int) -> float | None:
    """Return the value of a private element as a finite number, or None."""
    return _as_number(private(header, group, creator, offset))


def _private_element(header: Dataset, group: int, creator: str, offset: int) -> Any:
    try:
        return header.private_block(group, creator)[offset].value
    except KeyError:
        if (group, 0x0010) in header:
            raise
        return header[group, 0x1000 + offset].value


def _as_number(found: Any) -> float | None:
    if isinstance(found, str) and "_" in found:  # which Python reads as 1000 where 1_000 stands
        return None
    try:
        converted = float(found)
    except (TypeError, ValueError):
        return None
    return converted if math.isfinite(converted) else None
