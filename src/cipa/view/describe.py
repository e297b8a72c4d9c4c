"""A result as the page sees it: revisions, lesions with what a person said of them, grids, warnings."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cipa.errors import DataError
from cipa.inference.revisions import RECORD, Revision
from cipa.inference.save import MASK, RESULT
from cipa.readers import excerpt
from cipa.text import printable
from cipa.view.autosave import read_autosave
from cipa.view.catalogue import ResultPlace, require_result
from cipa.view.page_order import page_grid
from cipa.view.rotating_mip import mip_view
from cipa.view.studies import OpenStudy

MOST_LABELS = 255
"""Lesions that the page can draw: its masks are bytes."""


def stamp_of(folder: Path) -> str:
    """Return what changes whenever the network's part of a result is replaced.

    Raises:
        FileNotFoundError: it has been deleted.
    """
    found = [(folder / name).stat() for name in (RESULT, MASK)]
    return "-".join(f"{one.st_mtime_ns:x}.{one.st_ino:x}.{one.st_size:x}" for one in found)


def describe_result(place: ResultPlace, study: OpenStudy, revisions: Sequence[Revision]) -> dict[str, Any]:
    """Return a result as `GET /api/results/ID` in docs/view.md gives it.

    Args:
        place: the result.
        study: its images.
        revisions: all of them.

    Raises:
        DataError: a file of the result is damaged.
    """
    try:
        return _describe(place, study, revisions)
    except (KeyError, TypeError, AttributeError) as error:  # an entry is missing, or another thing
        found = f"{RESULT} or {RECORD}"
        raise DataError(
            f"{found}: a damaged entry ({excerpt(error)}); restore the file from a copy"
        ) from error


def _describe(place: ResultPlace, study: OpenStudy, revisions: Sequence[Revision]) -> dict[str, Any]:
    network = require_result(place.folder)
    newest = require_result(revisions[-1].folder) if revisions else network
    number = revisions[-1].number if revisions else 0
    lesions = lesion_rows(newest["lesions"], revisions[-1].record if revisions else {})
    warnings, read_only = list(map(str, newest["warnings"])), False
    kept = None
    for reason in _reasons_to_read_only(place.folder, len(lesions)):
        warnings.insert(0, reason)
        read_only = True
    try:
        found = read_autosave(place.folder)
        kept = None if found is None else vars(found[0])
    except DataError as error:
        warnings.insert(0, str(error))
    pet = page_grid(study.pair.pet.shape, study.pair.pet.affine).as_dict() if study.has_pet else None
    return {
        "id": place.key,
        "name": printable(newest["facts"].get("study") or place.name, 200),
        "revision": number,
        "revisions": [_of_network(place.folder, network), *map(_of_person, revisions)],
        "lesions": lesions,
        "grid": study.grid.as_dict(),
        "pet_grid": pet,
        "suv": study.has_pet,
        "inputs": study.pair.inputs,
        "warnings": [printable(line) for line in warnings],
        "read_only": read_only,
        "has_autosave": kept is not None,
        "autosave": kept,
        "stamp": stamp_of(place.folder),
        "mip": mip_view(study.pair.pet).as_dict() if study.has_pet else None,
    }


def lesion_rows(rows: Sequence[dict[str, Any]], record: Any) -> list[dict[str, Any]]:
    """Return the lesions of a revision, the rejected ones last.

    Args:
        rows: of `lesions.json`.
        record: of the revision; empty for the network's.
    """
    said = {one["label"]: one for one in record.get("lesions", [])}
    every = [*rows, *record.get("rejected", [])]
    return [_lesion_row(row, said.get(row["number"], {})) for row in every]


def _lesion_row(row: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    kept = ("voxels", "volume_ml", "suv_max", "suv_peak", "suv_mean", "tlg", "first_slice", "last_slice")
    return {
        "label": row["number"],
        "name": said.get("name", ""),
        "state": said.get("state", "unreviewed"),
        **{name: row[name] for name in kept},
        "centroid_mm": [-row["centroid_l_mm"], -row["centroid_p_mm"], row["centroid_s_mm"]],
        "slice": (row["first_slice"] + row["last_slice"]) // 2,
    }


def _reasons_to_read_only(folder: Path, lesions: int) -> list[str]:
    reasons = []
    if not os.access(folder, os.W_OK):
        reasons.append("read only: this user may not write into the result's folder")
    if lesions > MOST_LABELS:
        reasons.append(
            f"read only: {lesions} lesions are more than the {MOST_LABELS} that can be corrected here"
        )
    return reasons


def _of_network(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    made = datetime.fromtimestamp((folder / RESULT).stat().st_mtime, UTC).isoformat(timespec="seconds")
    return {"number": 0, "made": made, "by": "network", "tools": [], "lesions": len(result["lesions"])}


def _of_person(revision: Revision) -> dict[str, Any]:
    record = revision.record
    lesions = [one for one in record["lesions"] if one["state"] != "rejected"]
    made, tools = str(record["made"]), list(map(str, record["tools"]))
    return {"number": revision.number, "made": made, "by": "person", "tools": tools, "lesions": len(lesions)}
