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
from cipa.io.studies import StudyLocation
from cipa.readers import read_json_object

FOLDER = "CIPA_SOURCES"
"""Variable of the environment that names another folder; empty: nothing is remembered."""

_FINGERPRINT = re.compile(r"(study|files)-[0-9a-f]{10}")


def remember_location(location: StudyLocation) -> None:
    """Remember where a study lies; a cache that cannot be written costs nothing but this."""
    folder = _folder()
    if folder is None or not _FINGERPRINT.fullmatch(location.fingerprint):
        return
    record = {
        "name": location.name,
        "ct": str(location.ct.resolve()),
        "pet": None if location.pet is None else str(location.pet.resolve()),
        "folders": None if location.folders is None else [str(one.resolve()) for one in location.folders],
        "alone": location.alone,
    }
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_file(folder / f"{location.fingerprint}.json") as partial:
            partial.chmod(0o600)
            partial.write_text(json.dumps(record), encoding="utf-8")
    except OSError as error:
        logging.getLogger(__name__).debug("the study's location is not remembered", exc_info=error)


def recall_location(fingerprint: str) -> StudyLocation | None:
    """Return where a study lay when it was last read, None where that is not known.

    Args:
        fingerprint: as `StudyLocation.fingerprint`, `facts.source` of a result.
    """
    folder = _folder()
    if folder is None or not _FINGERPRINT.fullmatch(fingerprint):
        return None
    try:
        record = read_json_object(folder / f"{fingerprint}.json", "open the result with --study")
        return _parse(record, fingerprint)
    except (OSError, DataError, KeyError, TypeError):
        return None


def _parse(record: dict[str, Any], fingerprint: str) -> StudyLocation:
    pet, folders = record["pet"], record["folders"]
    return StudyLocation(
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
