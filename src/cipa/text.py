"""Text from outside (names of files, headers, keys) made fit for a terminal, a log and a table."""

import math
import re
import unicodedata
from typing import Any

LONGEST = 2000
"""Characters of one line: a key of a megabyte in a damaged file must not fill the terminal."""

_FORMULA = re.compile(r"(^|[;\t])(?=[\s\u200b]*[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""Where a spreadsheet would begin to read a formula: at the start of a cell, or after a separator that some
locales use instead of the comma; in ASCII or in full width, which some spreadsheets fold to ASCII."""


def printable(text: object, longest: int = LONGEST) -> str:
    r"""Return text on one line, with nothing that acts on a terminal or hides what it says.

    Control characters (newlines and escape sequences among them), marks that reverse the direction of
    writing, invisible characters and lone surrogates are shown as backslash escapes, as `\x1b`.

    Args:
        text: anything; what `str` says of it is taken.
        longest: characters kept; the middle of what is longer gives way to an ellipsis.

    Returns:
        The line; the very same text where it is plain and short.
    """
    line = str(text)
    if len(line) > longest:
        half = (longest - 5) // 2
        line = f"{line[:half]} ... {line[-half:]}"
    if line.isprintable():
        return line
    return "".join(one if _is_plain(one) else _escape(one) for one in line)


def _is_plain(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def cell(value: Any, digits: int = 6) -> Any:
    """Return a value as a cell of a CSV file holds it.

    Args:
        value: of one cell.
        digits: significant ones of a float.

    Returns:
        A float as text, empty for None and NaN; text `printable`, with an apostrophe before whatever a
        spreadsheet would run as a formula (CWE-1236); anything else unchanged.
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{digits}g}"
    if isinstance(value, str):
        return _FORMULA.sub(r"\1'", printable(value))
    return value


def plural(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun: `1 warning`, `2 warnings`, `1,200 slices`.

    Args:
        number: how many.
        noun: for one.
        nouns: for any other number; by default `noun` with an s.
    """
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"
