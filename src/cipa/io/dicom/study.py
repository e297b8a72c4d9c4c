"""A study: every series in a folder or zip, and the one pair of CT and PET that can be segmented."""

import os
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import product
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from cipa.errors import DataError
from cipa.io.dicom.folders import show_name
from cipa.io.dicom.frame_choice import unchosen_frames
from cipa.io.dicom.identity import NO_SECRETS, Secrets, find_secrets
from cipa.io.dicom.multiframe.split import split_frames
from cipa.io.dicom.preamble import begins_like_data_set, complete_meta
from cipa.io.dicom.series import Series, group_series
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.source import DICOM_SUFFIXES, Entry, list_files
from cipa.io.dicom.tags import text

DIRECTORY = "1.2.840.10008.1.3.10"
"""SOP class of DICOMDIR, a table of contents."""


HEADER_THREADS = 8
"""Enough to wait for slow disks together."""

HEAD = 2**16
"""Bytes of a file that a thread reads for its header; one thread then parses them all. pydicom holds Python's
lock, which threads that parse only hand around (270 headers on two cores: 0.48 s, so 0.33 to 0.41)."""

READ_TOGETHER = 512
"""Files whose heads are in memory at a time: 32 MB."""

PIXEL_THREADS = max(4, min(32, os.cpu_count() or 1))
"""Decoding frees Python's lock and takes a processor a thread."""


@dataclass(frozen=True)
class Study:
    """What was found.

    Attributes:
        path: the folder or zip.
        series: all series, usable or not, by number.
        damaged: names of files that are meant to be DICOM and cannot be read, without the patient's identity.
        secrets: what must not show of the text of its headers, files and folders.
    """

    path: Path
    series: tuple[Series, ...]
    damaged: tuple[str, ...]
    secrets: Secrets = NO_SECRETS

    @property
    def source(self) -> str:
        """The path as it may be shown: without the patient's identity, every letter printable."""
        return self.secrets.scrub(show_name(str(self.path)))


@quiet()
def read_study(path: str | os.PathLike[str], folders: Sequence[Path] | None = None) -> Study:
    """Read the headers of every DICOM file in a folder or zip, and sort the files into series.

    Args:
        path: a folder of any nesting, or a zip; other files may lie among the DICOM files.
        folders: those folders below `path` that hold the study's files, where others' lie there too.

    Returns:
        All series; nothing is refused here but the whole.

    Raises:
        DataError: as `list_files`, or there is no DICOM file at all.
    """
    path = Path(path)
    entries = list_files(path, folders)
    found = list(_read_headers(entries))
    slices = [one for one in found if one is not None and one.header]
    damaged = tuple(entry.name for entry, one in zip(entries, found, strict=True) if one is None)
    if not slices and not damaged:
        raise DataError(
            f"{show_name(str(path))}: no DICOM files among {len(entries)}; give the folder that holds them"
        )
    secrets = find_secrets([one.header for one in slices])
    images = [
        frame for one in slices if text(one.header, "SOPClassUID") != DIRECTORY for frame in split_frames(one)
    ]
    return Study(path, tuple(group_series(images, secrets)), tuple(map(secrets.scrub, damaged)), secrets)


def join_studies(one: Study, other: Study) -> Study:
    """Return two folders, such as a CT's and a PET's, as one study at the place of the first."""
    return Study(
        one.path, one.series + other.series, one.damaged + other.damaged, one.secrets | other.secrets
    )


@quiet()
def choose_pair(
    study: Study, ct: str | None = None, pet: str | None = None, wants_frames: bool = False
) -> tuple[Series, Series]:
    """Find the CT and the attenuation-corrected PET that share a frame of reference.

    Args:
        study: as `read_study` gave it.
        ct: Series Number or Series Instance UID of the CT, needed where several would do.
        pet: the same for the PET.
        wants_frames: some of the time frames of a dynamic or gated series were named. Without, such a series
            is not usable; with, it comes before series of one image, unless one of those is named.

    Returns:
        CT and PET.

    Raises:
        DataError: there is no such pair, or more than one.
    """
    cts, pets = (_usable(study, *one, wants_frames) for one in (("CT", ct), ("PET", pet)))
    pairs = [(one, other) for one, other in product(cts, pets) if _belong(one, other)]
    if len(pairs) == 1:
        return pairs[0]
    if not pairs:
        raise DataError(
            f"{study.source}: no CT and PET in one frame of reference (0020,0052) of one study "
            f"({_titles(cts)}; {_titles(pets)}); give one PET-CT study, as the scanner made it"
        )
    studies = {text(one.header, "StudyInstanceUID") for one, _ in pairs}
    if len(studies) > 1:
        raise DataError(f"{study.source}: {len(studies)} studies in one place; give one study's folder")
    several = [one for one in cts if any(one is pair[0] for pair in pairs)]
    option = "--ct-series"
    if len(several) == 1:
        several = [one for one in pets if any(one is pair[1] for pair in pairs)]
        option = "--pet-series"
    raise DataError(
        f"{study.source}: {len(several)} candidates ({_titles(several)}); choose with {option} NUMBER"
    )


@contextmanager
def reading_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Give a pool for reading; an interruption does not wait for thousands of files that have not begun."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _read_headers(entries: Sequence[Entry]) -> Iterator[Slice | None]:
    """Give each file's header, as `_read_header` does."""
    with reading_threads(HEADER_THREADS) as pool:
        for first in range(0, len(entries), READ_TOGETHER):
            together = entries[first : first + READ_TOGETHER]
            for entry, head in zip(together, pool.map(_head, together), strict=True):
                yield None if head is None else _read_header(entry, head)


def _head(entry: Entry) -> bytes | None:
    """Read a file's first bytes; None where even that fails, in one of zipfile's many ways."""
    try:
        with entry.open() as file:
            return file.read(HEAD)
    except Exception:
        return None


def _read_header(entry: Entry, head: bytes) -> Slice | None:
    """Parse a header; an empty one stands for a file that is not DICOM, None for one too damaged to use."""
    try:
        one = _parse(entry, head)
        complete_meta(one.header, _is_encapsulated(entry, one, head))
        return one if text(one.header, "SOPClassUID") and text(one.header, "SeriesInstanceUID") else None
    except InvalidDicomError:
        return None if entry.name.lower().endswith(DICOM_SUFFIXES) else Slice(entry, Dataset())
    except Exception:  # damage makes pydicom and zipfile raise almost anything; the caller names the file
        return None


def _parse(entry: Entry, head: bytes) -> Slice:
    without_preamble = begins_like_data_set(head)
    stream = BytesIO(head)
    with suppress(EOFError, ValueError, OSError, struct.error):  # a header that is cut off
        header = dcmread(stream, stop_before_pixels=True, force=without_preamble)
        if stream.tell() < HEAD:
            return Slice(entry, header, stream.tell())
    with entry.open() as file:
        header = dcmread(file, stop_before_pixels=True, force=without_preamble)
        return Slice(entry, header, file.tell())


def _is_encapsulated(entry: Entry, one: Slice, head: bytes) -> bool:
    """Tell whether Pixel Data has no length, as only compressed pixels do; asked where no syntax is named."""
    if "TransferSyntaxUID" in getattr(one.header, "file_meta", ()):
        return False
    start = head[one.pixels_at : one.pixels_at + 12]
    if len(start) < 12:
        with entry.open() as file:
            file.seek(one.pixels_at)
            start = file.read(12)
    return b"\xff\xff\xff\xff" in (start[4:8], start[8:12])


def _usable(study: Study, modality: str, wanted: str | None, wants_frames: bool) -> list[Series]:
    there = [one for one in study.series if one.modality == modality]
    if not there:
        raise DataError(f"{study.source}: no {modality} series; give the folder of the whole PET-CT study")
    if wanted is not None:
        there = [one for one in there if wanted in (one.number, text(one.header, "SeriesInstanceUID"))]
        if not there:
            raise DataError(f"{study.source}: no {modality} series {wanted}; cipa info lists what is there")
    usable = [one for one in there if not one.problems and (wants_frames or not one.frames)]
    if not usable:
        worst = max(there, key=lambda one: (len(one.frames), len(one.slices)))
        why = unchosen_frames(worst) or worst.problems[0]
        raise DataError(f"{study.source}: {worst.title}: {why}")
    timed = [one for one in usable if one.frames]
    return timed if timed and wanted is None else usable


def _belong(ct: Series, pet: Series) -> bool:
    keys = ("StudyInstanceUID", "FrameOfReferenceUID")
    return all(text(ct.header, key) == text(pet.header, key) != "" for key in keys)


def _titles(found: list[Series]) -> str:
    return ", ".join(one.title for one in found)
