"""Where the studies are: one, or a folder of many, as DICOM folders, zips and pairs of NIfTI files."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.files import PARTIAL
from cipa.io.dicom.folders import show_name, walk_folders
from cipa.io.dicom.identity import NO_SECRETS, TAGS, Secrets, find_secrets, make_alias
from cipa.io.dicom.preamble import begins_like_data_set
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.source import OTHER_SUFFIXES, list_files, looks_like_dicom
from cipa.io.dicom.tags import text
from cipa.readers import is_zip, open_regular

NIFTI = (".nii.gz", ".nii.bz2", ".nii")

CT_NAMES, PET_NAMES = ("ct", "ct_hu", "ctres"), ("suv", "pet_suv", "suv_pet", "pet", "pt")
"""Last words of the names of NIfTI files, preferred ones first; what stands before names the study."""

RESULT = "lesions.json"
"""A folder that holds this is a result, not a study."""


BEGINNING = 2**20
"""Bytes of a NIfTI file that tell it from others: its header and the first slices."""


@dataclass(frozen=True)
class StudyLocation:
    """One study, not yet opened.

    Attributes:
        name: its path below the folder that was searched, with underscores for separators and replacement
            characters for what is not UTF-8; an alias where that path holds a secret of the patient's.
        ct: DICOM folder or zip, or the CT as NIfTI.
        pet: the PET as NIfTI; None for DICOM.
        alone: `ct` or `pet` where `ct` is the one NIfTI file that there is, and that one is in it.
        folders: the folders that hold the study's files, where `ct` holds other studies' too.
        secrets: what must not show in a line about it.
        fingerprint: the same for the same study wherever it lies, empty where nothing could be read.
    """

    name: str
    ct: Path
    pet: Path | None = None
    folders: tuple[Path, ...] | None = None
    secrets: Secrets = NO_SECRETS
    fingerprint: str = ""
    alone: str = ""

    @property
    def source(self) -> str:
        """Path of the study as it may be shown: without the patient's identity, every letter printable."""
        return self.secrets.scrub(show_name(str(self.ct)))

    @property
    def is_dicom(self) -> bool:
        """Whether it is a DICOM study, and not one or two NIfTI files."""
        return self.pet is None and not self.alone


@quiet()
def find_studies(root: Path, keep_names: bool = False) -> list[StudyLocation]:
    """Look for studies; of each DICOM folder one header is read, and no voxels.

    Folders whose files name the same DICOM study belong together, wherever they lie. A pair of NIfTI files is
    `<study>_ct.nii.gz` and `<study>_pet.nii.gz` (or `_suv`, `_pt`) in one folder, or `ct` and `pet` alone;
    other NIfTI files are passed over. Results of this package are passed over too.

    Args:
        root: a zip, which is one study, or a folder.
        keep_names: keep a name even if it holds the patient's.

    Returns:
        The studies by name; none if there is nothing of the kind. A folder that is one study's is named like
        itself.
    """
    if not root.is_dir():
        found = root.is_file() and is_zip(root)
        return [_zip_location(show_name(root.stem), root, keep_names)] if found else []
    dicom: dict[str, list[Path]] = defaultdict(list)
    headers: dict[str, Dataset] = {}
    others: list[StudyLocation] = []
    for folder, names in walk_folders(root, is_passed_over):
        files = [folder / name for name in names if not name.startswith(".")]
        header = next((found for found in map(_header, files) if found is not None), None)
        if header is not None:
            uid = text(header, "StudyInstanceUID")
            dicom[uid].append(folder)
            headers[uid] = header
        others += _nifti_pairs(root, folder, files)
        others += [
            _zip_location(_label(root, file.with_suffix("")), file, keep_names)
            for file in files
            if file.suffix.lower() == ".zip" and is_zip(file)
        ]
    if len(dicom) == 1 and not others:
        (header,) = headers.values()
        return [_name_by_header(StudyLocation(_own_name(root), root), header, keep_names)]
    locations = others + [
        _name_by_header(_dicom_location(root, folders, dicom), headers[uid], keep_names)
        for uid, folders in dicom.items()
    ]
    return sorted(locations, key=lambda location: location.name)


def is_passed_over(folder: Path, names: list[str]) -> bool:
    """Tell whether a folder is a result, or half written."""
    return RESULT in names or folder.name.startswith(PARTIAL)


def _dicom_location(root: Path, folders: list[Path], everything: dict[str, list[Path]]) -> StudyLocation:
    """Return the study's common folder, or all its folders where that one holds other studies' as well."""
    common = Path(os.path.commonpath(folders))
    strangers = (other for others in everything.values() if others is not folders for other in others)
    if any(other.is_relative_to(common) for other in strangers):
        return StudyLocation(_label(root, folders[0]), root, folders=tuple(folders))
    return StudyLocation(_label(root, common), common)


def _name_by_header(location: StudyLocation, header: Dataset, keep_names: bool) -> StudyLocation:
    secrets, alias = find_secrets([header]), make_alias(header)
    name = alias if not keep_names and secrets.occur_in(location.name) else location.name
    return replace(location, name=name, secrets=secrets, fingerprint=alias)


def _zip_location(name: str, path: Path, keep_names: bool) -> StudyLocation:
    location = StudyLocation(name, path)
    try:
        entries = list_files(path)
    except DataError:
        return location  # whoever reads it will say what is wrong
    headers = (_header_of(one.open) for one in entries if not one.name.lower().endswith(OTHER_SUFFIXES))
    header = next((found for found in headers if found is not None), None)
    return location if header is None else _name_by_header(location, header, keep_names)


def _header(file: Path) -> Dataset | None:
    """Return a few tags of a DICOM file of some study, None for anything else."""
    return _header_of(partial(open_regular, file)) if looks_like_dicom(file) else None


def _header_of(opened: Callable[[], Any]) -> Dataset | None:
    try:
        with opened() as stream:
            force = begins_like_data_set(stream.read(140))
            stream.seek(0)
            header = dcmread(stream, specific_tags=list(TAGS), stop_before_pixels=True, force=force)
    except Exception:  # damage makes pydicom raise almost anything; another file will do
        return None
    return header if text(header, "StudyInstanceUID") else None


def _nifti_pairs(root: Path, folder: Path, files: list[Path]) -> list[StudyLocation]:
    cts, pets = _by_study(files, CT_NAMES), _by_study(files, PET_NAMES)
    locations = []
    for study in sorted(cts.keys() & pets.keys()):
        name = "_".join(part for part in (_label(root, folder) if folder != root else "", study) if part)
        locations.append(nifti_location(name or _own_name(root), cts[study], pets[study]))
    return locations


def nifti_location(name: str, ct: Path, pet: Path) -> StudyLocation:
    """Return the location of a pair of NIfTI files."""
    return StudyLocation(name, ct, pet, fingerprint=fingerprint_of(ct, pet))


def single_file_location(name: str, file: Path, kind: str) -> StudyLocation:
    """Return the location of one NIfTI file that is a whole study; `kind` is `ct` or `pet`."""
    return StudyLocation(name, file, fingerprint=fingerprint_of(file), alone=kind)


def fingerprint_of(*files: Path) -> str:
    """Return a name that files share with their copies only, empty if one is not there."""
    total = hashlib.sha256()
    try:
        for file in files:
            with open_regular(file) as stream:
                total.update(stream.read(BEGINNING))
    except (OSError, DataError):
        return ""
    return "files-" + total.hexdigest()[:10]


def _by_study(files: list[Path], kinds: tuple[str, ...]) -> dict[str, Path]:
    """Map what stands before the kind in a file's name to the file of the kind most preferred."""
    found: dict[str, tuple[int, Path]] = {}
    for file in files:
        ending = next((end for end in NIFTI if file.name.lower().endswith(end)), None)
        if ending is None:
            continue
        stem = file.name[: -len(ending)]
        for rank, kind in enumerate(kinds):
            before = stem[: -len(kind)]
            if stem.lower().endswith(kind) and (not before or before[-1] in "_-. "):
                study = before.rstrip("_-. ")
                found[study] = min(found.get(study, (rank, file)), (rank, file))
    return {study: file for study, (_, file) in found.items()}


def _label(root: Path, path: Path) -> str:
    return show_name("_".join(path.relative_to(root).parts)) or _own_name(root)


def _own_name(root: Path) -> str:
    return show_name(root.name or root.resolve().name)
