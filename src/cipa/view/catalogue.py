"""Which results there are below a folder, and what state each is in."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cipa.errors import DataError
from cipa.files import PARTIAL
from cipa.inference.revisions import REVISIONS, list_revisions
from cipa.inference.save import MASK, RESULT, read_result
from cipa.text import printable
from cipa.view.refusal import Refusal

MOST_RESULTS = 5000
"""Results of one folder that are listed."""


@dataclass(frozen=True)
class ResultPlace:
    """A folder that holds a result, or looks as if it did.

    Attributes:
        key: what the page calls it: the same as long as it lies where it lies.
        folder: of the result.
        name: of the folder below the one that was opened.
    """

    key: str
    folder: Path
    name: str


class Catalogue:
    """The results below one folder, or the one that the folder is. Links are not followed."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._seen: dict[str, ResultPlace] = {}

    def places(self) -> list[ResultPlace]:
        """Look for results, by name."""
        found: list[ResultPlace] = []
        for folder, below, names in os.walk(self.root):
            if RESULT in names:
                found.append(self._place(Path(folder)))
                below.clear()  # its revisions are results too
            below[:] = sorted(name for name in below if not name.startswith((PARTIAL, ".")))
            if len(found) == MOST_RESULTS:
                break
        self._seen = {place.key: place for place in found}
        return sorted(found, key=lambda place: place.name)

    def find(self, key: str) -> ResultPlace:
        """Return the result of a key.

        Raises:
            Refusal: there is none (404).
        """
        place = self._seen.get(key)
        if place is None or not (place.folder / RESULT).is_file():
            place = next((one for one in self.places() if one.key == key), None)
        if place is None:
            raise Refusal(
                404, "no such result here; it may have been deleted or renamed: open the list again"
            )
        return place

    def _place(self, folder: Path) -> ResultPlace:
        name = folder.relative_to(self.root).as_posix()
        key = hashlib.sha256(os.fsencode(name)).hexdigest()[:12]
        return ResultPlace(key, folder, self.root.name if name == "." else name)


def list_row(place: ResultPlace) -> dict[str, Any]:
    """Return what the list says of a result: as `GET /api/results` in docs/view.md."""
    row = {"id": place.key, "name": printable(place.name, 200), "lesions": 0, "revision": 0}
    try:
        result = read_whole(place.folder)
        revisions = list_revisions(place.folder)
        newest = require_result(revisions[-1].folder) if revisions else result
    except DataError as error:
        return row | {"state": "broken", "problem": str(error)}
    state = (
        "corrected"
        if revisions
        else "network"
        if "model" in result["facts"] or result["lesions"]
        else "empty"
    )
    name = printable(result["facts"].get("study") or place.name, 200)
    count = revisions[-1].number if revisions else 0
    return row | {"name": name, "state": state, "lesions": len(newest["lesions"]), "revision": count}


def read_whole(folder: Path) -> dict[str, Any]:
    """Return what a result holds as JSON, having looked that nothing of it points elsewhere.

    Raises:
        DataError: it is damaged, lacks its mask, or links lead out of it.
    """
    for name in (RESULT, MASK, REVISIONS):
        if (folder / name).is_symlink():
            raise DataError(f"{name}: a link that leads out of the result; put the file itself there")
    if not (folder / MASK).is_file():
        raise DataError(f"{MASK}: missing; predict the study again")
    return require_result(folder)


def require_result(folder: Path) -> dict[str, Any]:
    """Return what a result, or a revision, holds as JSON.

    Raises:
        DataError: it is not what cipa writes.
    """
    found = read_result(folder)
    if (
        found is None
        or not isinstance(found.get("facts"), dict)
        or not isinstance(found.get("lesions"), list)
    ):
        raise DataError(f"{RESULT}: damaged, or of another program; predict the study again")
    return found
