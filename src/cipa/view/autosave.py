"""Strokes that are not saved yet: one file in the result's folder, held by one tab of the browser.

A line of JSON (what they are based on, whose they are, when) and the gzip bytes as the page sent them.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cipa.errors import DataError
from cipa.files import atomic_file
from cipa.inference.revisions import AUTOSAVE
from cipa.readers import open_regular, read_or_refuse
from cipa.view.labels import MOST_PACKED
from cipa.view.refusal import Refusal

MOST_HEAD = 2**20
"""Bytes of the first line."""


@dataclass(frozen=True)
class Autosave:
    """Strokes that are not saved yet.

    Attributes:
        revision: number of the one they are based on.
        tab: of the browser that holds the result.
        made: ISO 8601, UTC.
        edits: as `cipa.view.edits.Edits.as_dict`.
    """

    revision: int
    tab: str
    made: str
    edits: dict[str, Any]


def write_autosave(result: Path, kept: Autosave, body: bytes) -> None:
    """Keep strokes.

    Args:
        result: folder of the result.
        kept: whose and of what.
        body: gzip of labels.

    Raises:
        OSError: the file cannot be written; what was kept before is kept still.
    """
    with atomic_file(_file(result)) as partial:
        partial.write_bytes(json.dumps(asdict(kept)).encode() + b"\n" + body)


def read_autosave(result: Path) -> tuple[Autosave, bytes] | None:
    """Return the strokes kept and their gzip bytes, None where there are none.

    Raises:
        DataError: the file is damaged.
    """
    path = _file(result)
    if not path.exists():
        return None

    def read() -> tuple[Autosave, bytes]:
        """Read the line and the bytes."""
        with open_regular(path) as file:
            head = json.loads(file.readline(MOST_HEAD))
            body = file.read(MOST_PACKED + 1)
        if len(body) > MOST_PACKED:
            raise ValueError("too large")
        return Autosave(int(head["revision"]), str(head["tab"]), str(head["made"]), dict(head["edits"])), body

    return read_or_refuse(path, "strokes that cipa view kept", "move it away to go on without them", read)


def drop_autosave(result: Path) -> None:
    """Forget the strokes kept, if there are any.

    Raises:
        OSError: the file cannot be removed.
    """
    _file(result).unlink(missing_ok=True)


def require_holder(result: Path, tab: str, take_over: bool) -> None:
    """Refuse a tab that another one was before.

    Args:
        result: folder of the result.
        tab: that asks.
        take_over: it shall hold the result from now on.

    Raises:
        Refusal: another tab holds strokes that are not saved (409).
    """
    try:
        found = read_autosave(result)
    except DataError:
        if take_over:
            return
        raise
    if found is not None and found[0].tab != tab and not take_over:
        message = (
            "another tab holds changes of this result that are not saved; go on there, or take it over here"
        )
        raise Refusal(409, message, held_by=found[0].tab)


def now() -> str:
    """Return the time as ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _file(result: Path) -> Path:
    path = result / AUTOSAVE
    if path.is_symlink() or path.is_dir():
        raise DataError(f"{path}: no file that cipa view wrote; move it away")
    return path
