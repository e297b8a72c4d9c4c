"""What the server does with results, without HTTP: list, open, keep strokes, save."""

from collections import OrderedDict, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from cipa.errors import DataError
from cipa.inference.revisions import list_revisions
from cipa.inference.save import MASK
from cipa.io.dicom.seg import load_writer
from cipa.io.nifti_header import read_layout
from cipa.io.nifti_voxels import open_unpacked
from cipa.io.volume import Volume
from cipa.view.autosave import Autosave, drop_autosave, now, read_autosave, require_holder, write_autosave
from cipa.view.catalogue import Catalogue, ResultPlace, list_row, read_whole
from cipa.view.describe import describe_result, stamp_of
from cipa.view.edits import read_edits
from cipa.view.labels import read_network_labels, read_revision_labels, unpack_labels
from cipa.view.page_order import PageGrid, page_grid
from cipa.view.refusal import Refusal
from cipa.view.rotating_mip import FRAMES, mip_frame
from cipa.view.save import save_revision
from cipa.view.studies import OpenStudy, StudyFinder, open_study

OPEN = 1
"""Studies in memory: a whole body has 0.4 GB."""


@dataclass(frozen=True)
class Change:
    """What a tab sends to be kept or saved.

    Attributes:
        body: gzip of labels.
        revision: number of the one it is based on.
        tab: of the browser.
        edits: `X-Cipa-Edits`, None where it was not sent.
        take_over: whether the tab takes the result from another.
        stamp: `X-Cipa-Stamp`, empty where it was not sent.
    """

    body: bytes
    revision: int
    tab: str
    edits: str | None = None
    take_over: bool = False
    stamp: str = ""


class Workbench:
    """The results below a folder. Its methods are called from several threads."""

    def __init__(self, root: Path, finder: StudyFinder) -> None:
        self.catalogue, self.finder = Catalogue(root), finder
        self.opened: OrderedDict[tuple[str, str], OpenStudy] = OrderedDict()
        self.opening = Lock()
        self.closing = False
        self.locks: defaultdict[str, Lock] = defaultdict(Lock)

    def warm_up(self) -> None:
        """Read the one result that there is, and load what saving needs, while the browser starts."""
        with suppress(Exception):  # whoever asks for it is told
            places = self.catalogue.places()
            if len(places) == 1 and not self.closing:
                study = self.study(places[0])
                if study.pair.source is not None and not self.closing:
                    load_writer()
                if not self.closing:
                    _ = study.body

    def list_results(self) -> list[dict[str, Any]]:
        """Return a row a result."""
        return [list_row(place) for place in self.catalogue.places()]

    def describe(self, key: str) -> dict[str, Any]:
        """Return all of a result but its voxels."""
        place = self.place(key)
        return describe_result(place, self.study(place), list_revisions(place.folder))

    def place(self, key: str) -> ResultPlace:
        """Return where a result lies.

        Raises:
            Refusal: it is not there (404).
        """
        return self.catalogue.find(key)

    def study(self, place: ResultPlace) -> OpenStudy:
        """Return the images of a result, read now or before.

        Raises:
            Refusal: as `open_study`.
            DataError: result or study cannot be read.
        """
        with self.opening:
            facts = read_whole(place.folder)["facts"]
            which = (place.key, stamp_of(place.folder))
            if which not in self.opened:
                while len(self.opened) >= OPEN:
                    self.opened.popitem(last=False)
                mask = read_grid(place.folder)
                self.opened[which] = open_study(self.finder, facts, mask.shape, mask.affine)
            self.opened.move_to_end(which)
            return self.opened[which]

    def labels(self, place: ResultPlace, revision: str, rejected: bool) -> Volume | bytes:
        """Return the labels of a revision, or the gzip bytes of the strokes kept.

        Args:
            place: the result.
            revision: a number, `network`, `autosave`, or empty for the newest.
            rejected: with the rejected lesions.

        Raises:
            Refusal: there is no such revision (404), or the word is none of these (400).
            DataError: a file is damaged.
        """
        read_whole(place.folder)
        if revision == "autosave":
            found = read_autosave(place.folder)
            if found is None:
                raise Refusal(404, "nothing is kept of this result that is not saved")
            return found[1]
        revisions = {one.number: one for one in list_revisions(place.folder)}
        number = max(revisions, default=0) if not revision else _number(revision)
        if number == 0:
            return read_network_labels(place.folder)
        if number not in revisions:
            raise Refusal(404, f"revision {number}: this result has {len(revisions)}")
        return read_revision_labels(revisions[number].folder, rejected)

    def frame(self, place: ResultPlace, number: int) -> bytes:
        """Return a frame of the rotating projection as PNG.

        Raises:
            Refusal: there is no such frame (404).
        """
        study = self.study(place)
        if not study.has_pet or not 0 <= number < FRAMES:
            raise Refusal(
                404, "no such frame" if study.has_pet else "no PET was given: there is no projection"
            )
        with study.lock:
            if number not in study.frames:
                study.frames[number] = mip_frame(study.pair.pet, number)
            return study.frames[number]

    def keep(self, key: str, change: Change) -> None:
        """Keep strokes that are not saved.

        Raises:
            Refusal: conflict (409), or another grid (422).
            OSError: the disk is full or the like; what was kept before is kept still.
        """
        place = self.place(key)
        edits = read_edits(change.edits)
        with self.locks[key]:
            self._require_current(place, change)
            unpack_labels(change.body, grid_of(place))
            kept = Autosave(change.revision, change.tab, now(), edits.as_dict())
            write_autosave(place.folder, kept, change.body)

    def drop(self, key: str, tab: str, take_over: bool) -> None:
        """Forget strokes that are not saved.

        Raises:
            Refusal: they are another tab's (409).
        """
        place = self.place(key)
        with self.locks[key]:
            require_holder(place.folder, tab, take_over)
            drop_autosave(place.folder)

    def save(self, key: str, change: Change) -> dict[str, Any]:
        """Make a new revision; return the result as `describe` does, with `renumbered`.

        Raises:
            Refusal: conflict (409), or another grid (422).
            OSError: the disk is full or the like; the result is as it was.
        """
        place = self.place(key)
        edits = read_edits(change.edits)
        with self.locks[key]:
            self._require_current(place, change)
            study = self.study(place)
            labels = unpack_labels(change.body, study.grid)
            numbers = save_revision(place.folder, study, labels, edits, change.revision)
            drop_autosave(place.folder)
        return self.describe(key) | {"renumbered": {str(old): new for old, new in numbers.items()}}

    def _require_current(self, place: ResultPlace, change: Change) -> None:
        """Refuse what is based on something older than what stands there, or is not this tab's turn."""
        read_whole(place.folder)
        if change.stamp and change.stamp != stamp_of(place.folder):
            raise Refusal(
                409,
                "the result was replaced meanwhile, as by cipa predict --overwrite; reload the page",
            )
        newest = max((one.number for one in list_revisions(place.folder)), default=0)
        if change.revision != newest:
            message = f"based on revision {change.revision}, but the newest is {newest}; reload the page"
            raise Refusal(409, message, newest=newest)
        require_holder(place.folder, change.tab, change.take_over)


def read_grid(folder: Path) -> Volume:
    """Return the grid of a result's mask: the volume without its voxels.

    Raises:
        DataError: the mask cannot be read.
    """
    path = folder / MASK
    try:
        with open_unpacked(path) as (stream, _):
            layout = read_layout(stream, path)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{MASK}: damaged; predict the study again") from error
    return Volume(np.broadcast_to(np.uint8(0), layout.shape), layout.affine, layout.header, MASK)


def grid_of(place: ResultPlace) -> PageGrid:
    """Return the grid of a result as the page sees it."""
    mask = read_grid(place.folder)
    return page_grid(mask.shape, mask.affine)


def _number(revision: str) -> int:
    if revision == "network":
        return 0
    if not revision.isascii() or not revision.isdigit() or len(revision) > 6:
        raise Refusal(400, "revision: give a number, network or autosave")
    return int(revision)
