"""Studies with truth: which mask file belongs to which study."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pydicom import dcmread

from cipa.data.convert.sources import patient_id
from cipa.errors import DataError, UsageError
from cipa.evaluation.mask_files import find_masks, mask_stem, nifti_stem
from cipa.io.dicom.folders import show_name, walk_folders
from cipa.io.dicom.objects.read_regions import RTSTRUCT, SEGS
from cipa.io.dicom.source import looks_like_dicom
from cipa.io.dicom.tags import text
from cipa.io.studies import CT_NAMES, PET_NAMES, StudyLocation, find_studies, is_passed_over

TRUTH_NAMES = ("truth*", "tumour*", "tumor*", "gtv*", "*mask*")
"""Names of truth files without their suffixes, in any case; the first that is there counts."""

SEPARATORS = "_-. "
"""Between the name of a study and what its file is."""

MOST_NAMED = 5
"""Studies that one line names."""


@dataclass(frozen=True)
class Case:
    """One study with truth.

    Attributes:
        study: where its images are.
        patient: its name as an id, by which tables, masks and folds know it (`patient_id`).
        truth: file of the true mask.
    """

    study: StudyLocation
    patient: str
    truth: Path

    def scrub(self, line: str) -> str:
        """Return a line about the study without the patient's identity."""
        return self.study.secrets.scrub(show_name(line))


def find_cases(
    root: Path, truth: str | None = None, keep_names: bool = False
) -> tuple[list[Case], list[str]]:
    """Find the studies below a folder, as `cipa predict` does, and the truth of each.

    Args:
        root: a study, or a folder of studies.
        truth: where the masks are, if not in a study's folder or beside it under one of `TRUTH_NAMES`, nor
            the only SEG or RTSTRUCT of a DICOM study: the one mask of one study; a folder or a CSV, as
            `find_masks` takes them; or a pattern of names to look for in place of these.
        keep_names: keep names of studies that hold the patient's.

    Returns:
        The studies with truth, by name, and the names of those without.

    Raises:
        DataError: there is no study, none has truth, or a study has several.
        UsageError: two studies have one id.
    """
    if not root.exists():
        raise DataError(f"{root}: no such folder; give studies with truth, or a folder in PCLT20K layout")
    studies = find_studies(root, keep_names)
    if not studies:
        raise DataError(
            f"{root}: no studies and no test.txt; give DICOM or pairs of NIfTI (ct.nii.gz beside pet.nii.gz) "
            "with a mask beside each, or a folder in PCLT20K layout"
        )
    _refuse_one_id_twice(studies)
    found = _find_truth(studies, truth)
    cases = [
        Case(study, patient_id(study.name), path) for study, path in zip(studies, found, strict=True) if path
    ]
    without = [study.name for study, path in zip(studies, found, strict=True) if not path]
    if not cases:
        looked = f"named by {truth}" if truth else f"named {', '.join(TRUTH_NAMES)}"
        raise DataError(
            f"{root}: no truth of {name_some(without)}; put a NIfTI mask {looked} beside it, or name the "
            "masks with --truth"
        )
    return cases, without


def find_masks_of(cases: Sequence[Case], source: Path) -> dict[str, Path]:
    """Find another tool's mask of every study.

    Args:
        cases: the studies.
        source: folder or table, as `find_masks` takes it, or the mask itself of one study.

    Returns:
        Patient to file.

    Raises:
        DataError: some study has none, or as `find_masks`.
    """
    masks = _masks_by_name([case.study for case in cases], source)
    found = dict(zip((case.patient for case in cases), masks, strict=True))
    require_masks(source, [patient for patient, path in found.items() if path is None])
    return {patient: path for patient, path in found.items() if path is not None}


def require_masks(source: Path, missing: Sequence[str]) -> None:
    """Refuse missing masks: leaving them out or taking them as empty would change the scores.

    Raises:
        DataError: `missing` holds a name.
    """
    if missing:
        raise DataError(
            f"{source}: no mask of {name_some(missing)}; add it (an empty one where nothing was found) as "
            f"{missing[0]}.nii.gz"
        )


def name_some(names: Sequence[str]) -> str:
    """Return names in a line, at most `MOST_NAMED` of them."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _refuse_one_id_twice(studies: Iterable[StudyLocation]) -> None:
    holders: dict[str, str] = {}
    for study in studies:
        patient = patient_id(study.name)
        if patient.casefold() in holders:
            raise UsageError(
                f"{holders[patient.casefold()]} and {study.name}: two studies would both be {patient} in "
                "tables and masks; rename one of their folders"
            )
        holders[patient.casefold()] = study.name


def _find_truth(studies: Sequence[StudyLocation], truth: str | None) -> list[Path | None]:
    if truth is None:
        return [_truth_beside(study, TRUTH_NAMES) for study in studies]
    if Path(truth).exists() or truth.lower().endswith(".csv"):
        return _masks_by_name(studies, Path(truth))
    if "/" in truth:
        raise DataError(
            f"--truth {truth}: not there; give a folder of masks, a CSV with columns study,mask, or a "
            "pattern of names to look for in the folder of each study"
        )
    return [_truth_beside(study, (truth.lower(),)) for study in studies]


def _masks_by_name(studies: Sequence[StudyLocation], source: Path) -> list[Path | None]:
    """Return the mask of each study, none where it has no mask."""
    if source.is_file() and mask_stem(source):
        if len(studies) > 1:
            raise DataError(f"{source}: one mask for {len(studies)} studies; give a folder of masks")
        return [source]
    masks = find_masks(source)
    return [next((masks[one] for one in _ids_of(study) if one in masks), None) for study in studies]


def _ids_of(study: StudyLocation) -> list[str]:
    """Return the ids a study's mask may have: of its name, and of its own folders, which that may hide."""
    names = [study.name]
    if study.is_dicom:
        folder = study.ct.resolve()
        names.append(folder.stem if folder.is_file() else folder.name)
        while folder.is_dir() and len(inside := list(folder.iterdir())) == 1:  # a folder around one study
            folder = inside[0]
            names.append(folder.name)
    return [patient_id(name) for name in names if any(map(str.isalnum, name))]


def _truth_beside(study: StudyLocation, patterns: Sequence[str]) -> Path | None:
    """Return the file whose name is the first of the patterns that any matches, else the SEG or RTSTRUCT."""
    names = dict(_files_near(study))
    for pattern in patterns:
        bare = mask_stem(Path(pattern)) or pattern
        found = [file for file, name in names.items() if fnmatchcase(name.lower(), bare)]
        if found:
            return _only(study, found)
    found = [file for file in names if study.is_dicom and nifti_stem(file) is None and _is_drawing(file)]
    return _only(study, found) if found and patterns is TRUTH_NAMES else None


def _only(study: StudyLocation, found: Sequence[Path]) -> Path:
    if len(found) > 1:
        both = " and ".join(file.name for file in found[:2])
        line = f"{study.name}: {len(found)} files may be the truth ({both}); choose with --truth PATTERN"
        raise DataError(study.secrets.scrub(line))
    return found[0]


def _is_drawing(file: Path) -> bool:
    """Tell whether a DICOM file is a SEG or RTSTRUCT."""
    try:
        header = dcmread(file, specific_tags=["SOPClassUID"], stop_before_pixels=True)
    except Exception:  # damage makes pydicom raise almost anything, and such a file is no truth
        return False
    return text(header, "SOPClassUID") in (RTSTRUCT, *SEGS)


def _files_near(study: StudyLocation) -> Iterable[tuple[Path, str]]:
    """Give NIfTI and DICOM files of the study's folders, and those beside that begin with its name."""
    if not study.is_dicom:
        yield from _with_prefix(study.ct.parent, _prefix_of(study), {study.ct, study.pet})
        return
    for folder in study.folders or ((study.ct,) if study.ct.is_dir() else ()):
        for inside, files in walk_folders(folder, is_passed_over):
            yield from ((inside / name, stem) for name in files if (stem := _stem(inside / name)))
    if not study.folders:
        own = study.ct.resolve()
        yield from _with_prefix(own.parent, own.stem if own.is_file() else own.name, set())


def _stem(file: Path) -> str | None:
    """Return the name of a file that may hold truth; files of DICOM need no suffix."""
    return mask_stem(file) or (file.name if looks_like_dicom(file) else None)


def _with_prefix(folder: Path, prefix: str, images: set[Path | None]) -> Iterable[tuple[Path, str]]:
    for file in sorted(folder.iterdir()):
        stem = None if file in images or not file.is_file() else mask_stem(file)
        if stem is not None and stem.startswith(prefix):
            rest = stem[len(prefix) :]
            if not prefix or rest[:1] in SEPARATORS:  # so that mask_a10 is none of study a1
                yield file, rest.lstrip(SEPARATORS)


def _prefix_of(study: StudyLocation) -> str:
    """Return what stands before the word CT in the name of a NIfTI pair's CT."""
    stem = nifti_stem(study.ct) or ""
    ends = (name for name in (*CT_NAMES, *PET_NAMES) if stem.lower().endswith(name))
    return stem[: -len(max(ends, key=len, default=""))].rstrip(SEPARATORS)
