"""Corrections of a result: a folder each, in the result's own, with every file that a result has."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cipa.errors import DataError
from cipa.readers import read_json_object

REVISIONS, AUTOSAVE = "revisions", "autosave"
"""In a result's folder: the folder of its revisions, and the file of strokes that are not saved yet."""

RECORD, REJECTED = "revision.json", "rejected.nii.gz"
"""In a revision's folder: who made what and when; the voxels of lesions that a person rejected."""

_NUMBER = re.compile(r"\d{3,}")


@dataclass(frozen=True)
class Revision:
    """One correction of a result.

    Attributes:
        number: 1 for the first; 0 is what the network drew.
        folder: where it stands.
        record: `made` (ISO 8601, UTC), `by`, `parent`, `tools`, `lesions` (label, name, state), `rejected`
            (likewise, with measurements), `version`.
    """

    number: int
    folder: Path
    record: Mapping[str, Any]


def list_revisions(result: Path) -> list[Revision]:
    """Return the revisions of a result, the oldest first.

    Args:
        result: the result's folder.

    Raises:
        DataError: one of them has no readable record.
    """
    folder = result / REVISIONS
    if not folder.is_dir():
        return []
    found = sorted((int(one.name), one) for one in folder.iterdir() if _NUMBER.fullmatch(one.name))
    return [
        Revision(number, one, read_json_object(one / RECORD, "restore the revision, or move it away"))
        for number, one in found
        if any(one.iterdir())  # an empty one is only about to be written
    ]


def next_folder(result: Path) -> tuple[int, Path]:
    """Take the next number, and return it with its folder, made and empty, which no other process can take.

    Raises:
        OSError: the folder cannot be made.
    """
    folder = result / REVISIONS
    folder.mkdir(exist_ok=True)
    number = 1 + max((int(one.name) for one in folder.iterdir() if _NUMBER.fullmatch(one.name)), default=0)
    place = folder / f"{number:03d}"
    place.mkdir()
    return number, place


def newest_folder(result: Path) -> Path:
    """Return the folder of the newest revision of a result, or the result's own where there is none.

    Raises:
        DataError: as `list_revisions`.
    """
    revisions = list_revisions(result)
    return revisions[-1].folder if revisions else result


def holds_corrections(result: Path) -> bool:
    """Tell whether a person's work is in a result: revisions, or strokes that are not saved."""
    folder = result / REVISIONS
    return (result / AUTOSAVE).exists() or (folder.is_dir() and any(folder.iterdir()))


def refuse_corrected(result: Path) -> None:
    """Refuse to replace a result that a person has corrected.

    Raises:
        DataError: it holds revisions, or strokes that are not saved.
    """
    if holds_corrections(result):
        raise DataError(
            f"{result}: holds corrections made in cipa view, which would be lost; name another folder, or "
            f"move its {REVISIONS} and {AUTOSAVE} away first"
        )
