"""Where PCLT20K keeps its files: names of slices, of their three images, and the lists of the split.

    PCLT20K/train.txt, test.txt                 one slice id a line, as "0001_023"
    PCLT20K/0001/0001_023_CT.png                uint8 grey, with its _PET.png and _mask.png beside it

The folder of a slice is the part of its id before the first underscore: the patient. How the rest is made up
is unpublished; the last number in it is taken as the slice's place in the patient.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from cipa.errors import DataError
from cipa.readers import excerpt, read_text

Split = Literal["train", "test"]
Image = Literal["CT", "PET", "mask"]

SPLITS: tuple[Split, ...] = ("train", "test")
IMAGES: tuple[Image, ...] = ("CT", "PET", "mask")

FOREGROUND = 128
"""Smallest grey value of a mask that is tumour: the published code divides by 255 and cuts at one half."""

TUMOUR_ALONE = (
    "every slice shows tumour: a network that learns from nothing else marks tumour all over a whole study"
)
"""Said wherever a data set without lesion-free slices is made or learnt from."""

MOST_ID_LETTERS = 200
"""Of a slice id: names of its files are longer by up to 16 letters."""

_SLICE_ID = re.compile(r"[^_/\\\s.][^_/\\\s]*_[^/\\\s]*\d[^/\\\s]*")
_FILE = re.compile(r"(?P<slice_id>.+)_(?P<image>CT|PET|mask)\.png")


def is_slice_id(text: str) -> bool:
    """Say whether `text` is a patient, an underscore and the name of a slice with a number in it.

    Control characters are in none, and a file system has no name longer than 255 bytes.
    """
    return len(text) <= MOST_ID_LETTERS and text.isprintable() and _SLICE_ID.fullmatch(text) is not None


def patient_of(slice_id: str) -> str:
    """Return the patient of a slice, which is its folder: "0001" of "0001_023"."""
    return slice_id.split("_", 1)[0]


def slice_number(slice_id: str) -> int:
    """Return a slice's number in its patient: 23 of "0001_023".

    Raises:
        DataError: the id holds no number after its first underscore.
    """
    numbers = re.findall(r"\d+", slice_id.partition("_")[2])
    if not numbers:
        raise DataError(f"slice id '{slice_id}': no slice number; ids look like 0001_023")
    return int(numbers[-1])


def image_path(root: str | os.PathLike[str], slice_id: str, image: Image) -> Path:
    """Return where the CT, the PET or the mask of a slice stands below `root`."""
    return Path(root) / patient_of(slice_id) / file_name(slice_id, image)


def file_name(slice_id: str, image: Image) -> str:
    """Return the file name of one image of a slice: "0001_023_CT.png"."""
    return f"{slice_id}_{image}.png"


def list_path(root: str | os.PathLike[str], split: Split) -> Path:
    """Return where the list of a split stands below `root`."""
    return Path(root) / f"{split}.txt"


def read_list(path: str | os.PathLike[str]) -> list[str]:
    """Read the lines of a list file as they are, malformed and repeated ones included.

    Blank lines, spaces around an id, Windows line ends, a byte-order mark and a missing last line end are all
    taken; published list files differ in them.

    Args:
        path: a text file with one slice id a line.

    Returns:
        The ids in the file's order.

    Raises:
        DataError: the file is missing or is not text.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(
            f"{path}: no such list; give the folder that holds train.txt, test.txt and the patients"
        )
    text = read_text(path, "it must hold one slice id a line, as 0001_023")
    return [line.strip() for line in text.splitlines() if line.strip()]


def read_ids(root: str | os.PathLike[str], split: Split) -> list[str]:
    """Read the slice ids of one split.

    Args:
        root: the data set's folder.
        split: "train" or "test".

    Returns:
        Well-formed ids without repetition, in the list's order. That their files exist is not looked at here.

    Raises:
        DataError: the list is missing, empty or not text, or holds a malformed or a repeated id.
    """
    path = list_path(root, split)
    ids = read_list(path)
    if not ids:
        raise DataError(f"{path}: an empty list; write one slice id a line, as 0001_023")
    seen: set[str] = set()
    for slice_id in ids:
        if not is_slice_id(slice_id):
            raise DataError(
                f"{path}: '{excerpt(slice_id)}' is no slice id; ids are PATIENT_SLICE, as 0001_023"
            )
        if slice_id in seen:
            raise DataError(
                f"{path}: {slice_id} is listed twice; remove one, `cipa check {root}` names them all"
            )
        seen.add(slice_id)
    return ids


def images_on_disk(
    root: str | os.PathLike[str], patients: Iterable[str] | None = None
) -> dict[str, set[str]]:
    """List the images that exist, by slice, with one directory listing a patient and no look at a file.

    Args:
        root: the data set's folder.
        patients: the patients to look at; by default every folder.

    Returns:
        Slice id to the subset of {"CT", "PET", "mask"} that is there, ordered by patient and slice number.
        Files named otherwise are left out.

    Raises:
        DataError: `root` is no folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(
            f"{root}: no such folder; give the folder that holds train.txt, test.txt and the patients"
        )
    if patients is None:
        patients = sorted(entry.name for entry in os.scandir(root) if _is_patient(entry))
    found: dict[str, set[str]] = {}
    for patient in patients:
        slices = _images_of_patient(root / patient)
        for slice_id in sorted(slices, key=lambda name: (slice_number(name), name)):
            found[slice_id] = slices[slice_id]
    return found


def _is_patient(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir() and not entry.name.startswith(".")


def _images_of_patient(folder: Path) -> dict[str, set[str]]:
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    slices: dict[str, set[str]] = {}
    for name in names:
        match = _FILE.fullmatch(name)
        if match and is_slice_id(match["slice_id"]) and patient_of(match["slice_id"]) == folder.name:
            slices.setdefault(match["slice_id"], set()).add(match["image"])
    return slices
