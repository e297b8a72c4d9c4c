"""Small files from outside - JSON, YAML, CSV, lists - read whole or refused in one line that names the file.

What a parser, the decoder of text or the allocator raises for a file that is not what it must be becomes
one `DataError` here, so that no reader of this package has a list of exceptions of its own. Only regular
files are opened: a named pipe or a device would be waited for without end.
"""

import csv
import errno
import io
import json
import math
import os
import stat
import zipfile
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from cipa.errors import DataError

MOST_BYTES = 32 * 2**20
"""A text file may hold: metadata.json of a thousand patients has 3 MiB, and Python needs 20 times a file's
bytes for the smallest of lists in it."""

MOST_ROWS = 2_000_000
"""A table may hold: PCLT20K has 21,930 slices."""

MOST_YAML_BYTES = 64 * 2**10
"""A recipe has 2 KiB."""

MOST_DEPTH = 64
"""Levels that JSON and YAML may be nested by; ours have six."""

SHOWN = 80
"""Characters of a foreign text that a message quotes."""

Value = TypeVar("Value")


def excerpt(text: object, most: int = SHOWN) -> str:
    """Return a foreign text for a message: on one line, without control characters, cut after `most`."""
    line = str(text)[: most * 4]
    clean = "".join(letter if letter.isprintable() else " " for letter in line)
    clean = " ".join(clean.split())
    return clean if len(clean) <= most else clean[: most - 3] + "..."


def require_file(path: Path, way_out: str) -> None:
    """Check that a path is a regular file, or a link to one.

    Args:
        path: the file.
        way_out: what to do about it, for the message.

    Raises:
        DataError: nothing is there, or a folder, a named pipe, a device or a socket.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        if isinstance(error, PermissionError):
            raise
        raise DataError(f"{path}: no such file; {way_out}") from error
    if stat.S_ISDIR(mode):
        raise DataError(f"{path}: a folder, not a file; {way_out}")
    if not stat.S_ISREG(mode):
        raise DataError(f"{path}: a pipe or a device, which is not opened; {way_out}")


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading, and never a pipe or a device.

    Raises:
        DataError: nothing is there, or no regular file.
        OSError: it cannot be read.
    """
    path = Path(path)
    require_file(path, "give a regular file")
    return path.open("rb")


def is_zip(path: Path) -> bool:
    """Tell whether a file is a zip, sound or not; `zipfile.is_zipfile` raises for one in several parts."""
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:
        return True


def is_number(value: object) -> bool:
    """Tell whether a value from JSON or YAML is a finite number; an integer that no float holds is none."""
    try:
        return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    except OverflowError:
        return False


def read_or_refuse(path: Path, kind: str, way_out: str, work: Callable[[], Value]) -> Value:
    """Run what reads a file, and turn whatever it raises for a damaged one into one line.

    Args:
        path: the file.
        kind: what it should have been: "JSON", "a CSV table in UTF-8".
        way_out: what to do about it.
        work: reads the file.

    Returns:
        What `work` returned.

    Raises:
        DataError: `work` raised anything but this or an error of the system.
    """
    try:
        return work()
    except DataError:
        raise
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):
            raise
        # decompressors and Pillow raise the system's class without its number for damage, and an archive that
        # points before its beginning is an invalid argument
        raise DataError(f"{path}: not {kind} ({excerpt(error)}); {way_out}") from error
    except RecursionError as error:
        raise DataError(f"{path}: not {kind} (nested too deeply); {way_out}") from error
    except MemoryError as error:
        raise DataError(f"{path}: memory ran out while it was read; {way_out}") from error
    except Exception as error:  # a parser meets damage in any way there is
        raise DataError(f"{path}: not {kind} ({_reason(error)}); {way_out}") from error


def read_text(path: Path, way_out: str, most: int = MOST_BYTES) -> str:
    """Read a text file in UTF-8, with or without a byte-order mark.

    Args:
        path: the file.
        way_out: what to do where it cannot be read.
        most: bytes it may have.

    Raises:
        DataError: no regular file, too large, or not UTF-8.
    """
    require_file(path, way_out)
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise DataError(f"{path}: more than {_size(most)}, which no such file has; {way_out}")
    return read_or_refuse(path, "a text file in UTF-8", way_out, lambda: content.decode("utf-8-sig"))


def read_json(path: Path, way_out: str, most: int = MOST_BYTES) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        way_out: what to do where it cannot be read.
        most: bytes it may have.

    Returns:
        Its content. Infinity and NaN, which Python's reader would take, are no JSON and are refused.

    Raises:
        DataError: no regular file, too large, or not JSON.
    """
    content = read_text(path, way_out, most)
    return read_or_refuse(path, "JSON", way_out, lambda: json.loads(content, parse_constant=_refuse_constant))


def read_json_object(path: Path, way_out: str, most: int = MOST_BYTES) -> dict[str, Any]:
    """Read a JSON file that holds an object; see `read_json`.

    Raises:
        DataError: as `read_json`, or the file holds a list, a number or text.
    """
    content = read_json(path, way_out, most)
    if not isinstance(content, dict):
        raise DataError(f"{path}: holds {_kind_of(content)} where an object must stand; {way_out}")
    return content


def read_csv(
    path: Path, columns: Sequence[str], way_out: str, *, fill: bool = False
) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV table in UTF-8 with a line of column names.

    Args:
        path: the file.
        columns: those that it must have; others are left out.
        way_out: what to do where it cannot be read.
        fill: take a row that is cut short as ending in empty cells.

    Returns:
        Of each row that is not blank the number of its line and its cells by column.

    Raises:
        DataError: no regular file, not text, empty, a column is absent or named twice, or a row has more or
            fewer cells than the first line.
    """
    content = read_text(path, way_out)
    rows = read_or_refuse(path, "a CSV table", way_out, lambda: _numbered_rows(content))
    if not rows:
        raise DataError(f"{path}: empty; {way_out}")
    names = [name.strip() for name in rows[0][1]]
    absent = [column for column in columns if column not in names]
    if absent:
        raise DataError(f"{path}: no column '{absent[0]}'; {way_out}")
    doubled = [column for column in columns if names.count(column) > 1]
    if doubled:
        raise DataError(f"{path}: several columns '{doubled[0]}'; {way_out}")
    found = []
    for line, cells in rows[1:]:
        if fill:
            cells += [""] * (len(names) - len(cells))
        if len(cells) != len(names):
            raise DataError(f"{path}: line {line} has {len(cells)} cells, not {len(names)}; {way_out}")
        found.append((line, {column: cells[names.index(column)] for column in columns}))
    return found


def check_yaml(path: Path, way_out: str) -> str:
    """Read a YAML file of plain values, before a parser that builds objects sees it.

    Anchors and aliases let 700 bytes become gigabytes, and tags such as `!!float x` make constructors fail
    in ways of their own: settings need none of them.

    Args:
        path: the file.
        way_out: what to do where it is refused.

    Returns:
        Its text.

    Raises:
        DataError: no regular file, too large, not YAML, nested too deeply, or with an anchor, alias or tag.
    """
    content = read_text(path, way_out, MOST_YAML_BYTES)
    read_or_refuse(path, "YAML", way_out, lambda: _check_events(content))
    return content


def _check_events(content: str) -> None:
    import yaml

    depth = 0
    for event in yaml.parse(content, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise ValueError(f"line {event.start_mark.line + 1}: anchors and aliases are not taken")
        if getattr(event, "tag", None) is not None:
            raise ValueError(f"line {event.start_mark.line + 1}: tags such as !!float are not taken")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise RecursionError


def _numbered_rows(content: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(content, newline=""))
    rows = [(reader.line_num, cells) for cells in islice(reader, MOST_ROWS + 1) if cells]
    if len(rows) > MOST_ROWS:
        raise ValueError(f"more than {MOST_ROWS} rows")
    return rows


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _reason(error: Exception) -> str:
    """Return what an exception says, with its type where that is all it says."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.object[error.start]:#04x} at {error.start}"
    said = excerpt(error)
    return said if isinstance(error, ValueError) and said else f"{type(error).__name__}: {said}"


def _kind_of(content: Any) -> str:
    return {list: "a list", str: "text", type(None): "null"}.get(type(content), "a number")


def _size(count: int) -> str:
    return f"{count // 2**20} MiB" if count >= 2**20 else f"{count // 2**10} KiB"
