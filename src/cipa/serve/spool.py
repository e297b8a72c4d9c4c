"""The spool on disk: a folder a study, whose files are the queue; nothing else has to agree with them.

In it:

    lock                              held while a node runs
    studies/STUDY/images/FILE.dcm     what was received; FILE says which object and which bytes
    studies/STUDY/study.json          what is remembered of it (`cipa.serve.records`)
    studies/STUDY/results/DIGEST/     a result, which appears whole
    work/                             what is being made; emptied at the start
    requests/                         what `cipa serve --retry` and `--fetch` ask of the node
    commitments/                      outcomes of storage commitment that are to be reported

STUDY and FILE are hashes of UIDs, so that no name tells a patient's. A file and each folder above it are
flushed to disk before an object counts as received: it outlives the process and a loss of power.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from cipa.errors import UsageError
from cipa.files import atomic_file
from cipa.partials import PARTIAL
from cipa.readers import read_json_object
from cipa.serve.records import Study, study_from

RECORD = "study.json"

OBJECT_LETTERS, CONTENT_LETTERS = 32, 32
"""Hexadecimal digits of SHA-256 in the name of a file: of its SOP Instance UID, of its bytes."""


class Spool:
    """The folders of one spool."""

    def __init__(self, root: Path) -> None:
        """Create the folders that are missing, for this user alone, for they hold patients' images.

        Raises:
            OSError: they cannot be created.
        """
        self.root = root
        make_folder(root)
        for folder in (self.studies, self.work, self.requests, self.commitments):
            make_folder(folder)

    @property
    def studies(self) -> Path:
        """Folder of the studies' folders."""
        return self.root / "studies"

    @property
    def work(self) -> Path:
        """Folder of what is unfinished."""
        return self.root / "work"

    @property
    def requests(self) -> Path:
        """Folder of what is asked of the node."""
        return self.root / "requests"

    @property
    def commitments(self) -> Path:
        """Folder of outcomes of storage commitment."""
        return self.root / "commitments"

    def folder_of(self, study: str) -> Path:
        """Return the folder of a study."""
        return self.studies / study

    def images_of(self, study: str) -> Path:
        """Return the folder of what was received of a study."""
        return self.studies / study / "images"

    def result_of(self, study: str, digest: str) -> Path:
        """Return the folder of a result."""
        return self.studies / study / "results" / digest

    def write_image(self, study: str, name: str, content: bytes) -> None:
        """Write a received object; it is on disk, folders included, when this returns.

        Raises:
            OSError: the disk is full or the like; nothing is left of it.
        """
        folder = self.images_of(study)
        make_folder(folder)
        with atomic_file(folder / name) as partial:
            partial.write_bytes(content)

    def list_images(self, study: str) -> dict[str, int]:
        """Return the bytes of each received object by its name; unfinished ones are none."""
        folder = self.images_of(study)
        if not folder.is_dir():
            return {}
        return {
            one.name: one.stat().st_size for one in os.scandir(folder) if not one.name.startswith(PARTIAL)
        }

    def list_studies(self) -> Iterator[str]:
        """Give the names of the studies' folders."""
        for one in sorted(os.scandir(self.studies), key=lambda one: one.name):
            if one.is_dir() and not one.name.startswith(PARTIAL):
                yield one.name

    def read_record(self, study: str) -> Study:
        """Read what is remembered of a study; a new one where nothing is.

        Raises:
            DataError: the file is damaged.
        """
        path = self.folder_of(study) / RECORD
        return study_from(read_json_object(path, "move its folder away")) if path.exists() else Study()

    def write_record(self, study: str, record: Study) -> None:
        """Write what is remembered of a study; it is on disk when this returns."""
        make_folder(self.folder_of(study))
        with atomic_file(self.folder_of(study) / RECORD) as partial:
            partial.write_text(record.to_json(), encoding="utf-8")

    def delete_images(self, study: str, names: Iterable[str]) -> None:
        """Delete received objects."""
        for name in names:
            (self.images_of(study) / name).unlink(missing_ok=True)

    def move_away(self, study: str, name: str) -> Path:
        """Move a folder of a study among what is unfinished, to be deleted there; return its new name."""
        folder, gone = self.folder_of(study) / name, self.work / f"deleted-{study}-{name}"
        shutil.rmtree(gone, ignore_errors=True)
        if folder.exists():
            folder.replace(gone)
        return gone

    def clear_work(self) -> None:
        """Delete what an earlier process left unfinished."""
        for one in list(os.scandir(self.work)):
            shutil.rmtree(one.path, ignore_errors=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each flushed to disk with its entry in the one above.

    Raises:
        OSError: one cannot be created.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise UsageError(f"{folder}: a file stands there; name another folder") from None
    handle = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def name_study(study_uid: str) -> str:
    """Return the name of a study's folder, of which its alias (`alias_of`) is the beginning."""
    return hashlib.sha256(study_uid.encode()).hexdigest()[:32]


def alias_of(study: str) -> str:
    """Return what logs and people call a study, the same as `cipa.io.dicom.identity.make_alias` gives."""
    return f"study-{study[:10]}"


def name_image(object_uid: str, content: bytes) -> str:
    """Return the name of a file: which object it is, and which bytes it holds."""
    return f"{object_prefix(object_uid)}{hashlib.sha256(content).hexdigest()[:CONTENT_LETTERS]}.dcm"


def object_prefix(object_uid: str) -> str:
    """Return how the names of all files begin that hold an object, whatever their bytes."""
    return f"{hashlib.sha256(object_uid.encode()).hexdigest()[:OBJECT_LETTERS]}-"


def digest_names(names: Iterable[str]) -> str:
    """Return what tells one set of files from another."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:32]
