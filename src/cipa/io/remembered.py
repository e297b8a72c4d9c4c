"""Where the study of a fingerprint lies on this machine, for whoever opens its result later.

A result says nothing of folders, which may be named after the patient; it is handed on. What is remembered
here stays with the user: a file a study in the user's cache, in a folder that nobody else may enter.
"""

import json
import logging
import os
import re
from pathlib import Path
from typing import Any

from cipa.errors import DataError
from cipa.files import atomic_file, cache_folder
from cipa.io.studies import StudyPlace
from cipa.readers import read_json_object

FOLDER = "CIPA_SOURCES"
"""Variable of the environment that names another folder; empty: nothing is remembered."""

_FINGERPRINT = re.compile(r"(study|files)-[0-9a-f]{10}")


def remember_place(place: StudyPlace) -> None:
    """Remember where a study lies; a cache that cannot be written costs nothing but this."""
    folder = _folder()
    if folder is None or not _FINGERPRINT.fullmatch(place.fingerprint):
        return
    record = {
        "name": place.name,
        "ct": str(place.ct.resolve()),
        "pet": None if place.pet is None else str(place.pet.resolve()),
        "folders": None if place.folders is None else [str(one.resolve()) for one in place.folders],
        "alone": place.alone,
    }
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_file(folder / f"{place.fingerprint}.json") as partial:
            partial.chmod(0o600)
            partial.write_text(json.dumps(record), encoding="utf-8")
    except OSError as error:
        logging.getLogger(__name__).debug("the study's place is not remembered", exc_info=error)


def recall_place(fingerprint: str) -> StudyPlace | None:
    """Return where a study lay when it was last read, None where that is not known.

    Args:
        fingerprint: as `StudyPlace.fingerprint`, `facts.source` of a result.
    """
    folder = _folder()
    if folder is None or not _FINGERPRINT.fullmatch(fingerprint):
        return None
    try:
        record = read_json_object(folder / f"{fingerprint}.json", "open the result with --study")
        return _place(record, fingerprint)
    except (OSError, DataError, KeyError, TypeError):
        return None


def _place(record: dict[str, Any], fingerprint: str) -> StudyPlace:
    pet, folders = record["pet"], record["folders"]
    return StudyPlace(
        str(record["name"]),
        Path(record["ct"]),
        None if pet is None else Path(pet),
        None if folders is None else tuple(map(Path, folders)),
        fingerprint=fingerprint,
        alone=str(record["alone"]),
    )


def _folder() -> Path | None:
    chosen = os.environ.get(FOLDER)
    if chosen is not None:
        return Path(chosen) if chosen else None
    try:
        return cache_folder("sources")
    except RuntimeError:  # no home
        return None
