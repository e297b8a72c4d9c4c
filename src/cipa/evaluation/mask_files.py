"""Masks in separate files, from any tool: which file belongs to whom, by its name or by a table.

    masks/STS_001.nii.gz          named like the study or patient, as nnU-Net and `cipa evaluate` write them
    masks/STS_001_mask.nii.gz     with one of `MASK_WORDS` behind
    masks/STS_001.dcm             a DICOM SEG or RTSTRUCT
    masks/STS_001/mask.nii.gz     in a folder of that name, as `cipa predict` writes them

Names are compared as ids of patients, which is how `cipa convert` makes these: STS_001 is STS001.
"""

from collections.abc import Iterable
from pathlib import Path

from cipa.data.convert.sources import patient_id
from cipa.errors import DataError
from cipa.io.studies import NIFTI
from cipa.readers import read_csv

MASK_WORDS = ("mask", "truth", "tumour", "tumor", "gtv", "seg", "segmentation", "label", "prediction", "pred")
"""Last words of names of files, which say that a file is a mask and not whose."""

COLUMNS = ("study", "mask")
"""Of a table of masks."""


def find_masks(source: Path) -> dict[str, Path]:
    """Find the masks in a folder, or read their names from a table.

    Args:
        source: a folder, or a CSV file with the `COLUMNS`, whose relative paths start from its folder. The
            masks of a folder that `cipa evaluate` wrote are those in its folder `masks`.

    Returns:
        Id of the study or patient to the file; none where a folder holds no such file.

    Raises:
        DataError: there is nothing at `source`, a table is damaged, or two masks are of one study.
    """
    if source.is_dir():
        return _by_id(_named_files(source / "masks" if (source / "masks").is_dir() else source))
    if source.suffix.lower() != ".csv":
        raise DataError(f"{source}: no such folder; give a folder of masks, or a CSV with columns study,mask")
    rows = read_csv(source, COLUMNS, "give a CSV with columns study,mask")
    return _by_id((row["study"].strip(), source.parent / row["mask"].strip()) for _, row in rows)


def mask_stem(file: Path) -> str | None:
    """Return a file's name without its suffixes, of NIfTI or `.dcm`; None for any other file."""
    return file.name[:-4] if file.name.lower().endswith(".dcm") else nifti_stem(file)


def nifti_stem(file: Path) -> str | None:
    """Return a NIfTI file's name without its suffixes; None for any other file."""
    ending = next((end for end in NIFTI if file.name.lower().endswith(end)), None)
    return None if ending is None else file.name[: -len(ending)]


def _named_files(folder: Path) -> Iterable[tuple[str, Path]]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            inside = [file for file in sorted(path.iterdir()) if _is_mask(nifti_stem(file))]
            yield from ((path.name, file) for file in inside)
        elif (stem := mask_stem(path)) and not path.name.startswith("."):
            yield _without_word(stem), path


def _is_mask(stem: str | None) -> bool:
    return stem is not None and stem.lower() in MASK_WORDS


def _without_word(stem: str) -> str:
    name, separator, word = stem.rpartition("_")
    return name if separator and name and word.lower() in MASK_WORDS else stem


def _by_id(named: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name, path in named:
        patient = patient_id(name)
        if patient in found:
            raise DataError(f"{path}: a second mask of {name}, beside {found[patient].name}; leave one")
        found[patient] = path
    return found
