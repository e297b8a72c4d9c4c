"""Patients' volumes to a data set in PCLT20K's layout, whole or not at all."""

import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PIL import Image

from cipa.data.convert.identity import hide_identities, scrub_errors
from cipa.data.convert.metadata import PatientRecord, write_metadata
from cipa.data.convert.outcome import Problem, gather
from cipa.data.convert.patient import Recipe, SlicedPatient, open_patient, require_tumour
from cipa.data.convert.sources import KINDS, Sources, Triple
from cipa.data.convert.split import SplitRule
from cipa.data.layout import SPLITS, image_path, list_path
from cipa.errors import DataError
from cipa.files import atomic_folder, require_vacant
from cipa.io.checks import VolumeWarning
from cipa.io.grid_record import grid_record
from cipa.progress import Progress


@dataclass(frozen=True)
class Conversion:
    """What was written.

    Attributes:
        records: one a patient, ordered by id.
        skipped: patients left out, with the reason.
        aliases: by the names of sources that hold the patient's.
    """

    records: tuple[PatientRecord, ...]
    skipped: tuple[Problem, ...]
    aliases: Mapping[str, str]


def convert_volumes(
    sources: Sources,
    out: str | os.PathLike[str],
    recipe: Recipe | None = None,
    split: SplitRule | None = None,
    root: str | os.PathLike[str] = ".",
    skip_bad: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
    keep_names: bool = False,
) -> Conversion:
    """Write CT, PET and mask of every patient as 8-bit PNG slices, train.txt, test.txt and metadata.json.

    Axial slices in radiological display order, from the feet; PET is interpolated linearly at the CT's
    voxels. Files are the same bytes whatever `workers` is.

    Args:
        sources: the volumes, from `find_triples` or `read_table`.
        out: folder to make; it appears when everything is written.
        recipe: what slices are wanted.
        split: who is for testing.
        root: folder that the names of the sources in metadata.json start from.
        skip_bad: leave out patients that cannot be converted, instead of refusing them all.
        workers: processes. More than one needs a main module that is guarded, as that of `cipa` is.
        progress: called after each patient.
        keep_names: keep names of DICOM studies that hold the patient's name or ID, in place of an alias.

    Returns:
        What was written.

    Raises:
        ConversionError: a patient cannot be converted and `skip_bad` is not set, or none can.
        UsageError: `out` holds something, or `split` names an unknown patient.
        OSError: the files cannot be written; nothing is left under `out`.
    """
    recipe, split = recipe or Recipe(), split or SplitRule()
    require_vacant(out)
    sources = hide_identities(sources, keep_names)
    test = split.test_patients(sources) if sources.triples else set()
    with atomic_folder(out) as folder:
        job = partial(_write_patient, folder, recipe, test, Path(root))
        records, skipped = gather(job, sources.triples, sources.problems, skip_bad, workers, progress)
        records.sort(key=lambda record: record.patient)
        _write_lists(folder, records)
        write_metadata(folder, recipe, _without_names(split, sources), records, skipped)
    return Conversion(tuple(records), skipped, sources.aliases)


def slice_id(patient: str, number: int) -> str:
    """Return the name of a slice, "STS001_023" for slice number 23."""
    return f"{patient}_{number:03d}"


def _write_patient(folder: Path, recipe: Recipe, test: set[str], root: Path, triple: Triple) -> PatientRecord:
    scrub = triple.secrets.scrub
    with scrub_errors(triple.secrets), _collect_warnings() as noted:
        patient = open_patient(triple, recipe)
        tumour = _write_slices(folder, triple.patient, patient)
        try:
            require_tumour(patient, sum(tumour.values()), triple)
        except DataError:
            shutil.rmtree(folder / triple.patient, ignore_errors=True)
            raise
    return PatientRecord(
        patient=triple.patient,
        name=triple.name,
        split="test" if triple.patient in test else "train",
        sources={kind: scrub(_source_name(triple, kind, root)) for kind in KINDS},
        spacing=patient.spacing,
        plane=patient.plane,
        numbers=tuple(tumour),
        slices_with_tumour=sum(tumour.values()),
        grid=grid_record(patient.ct),
        warnings=tuple(map(scrub, (*triple.warnings, *noted))),
    )


def _without_names(rule: SplitRule, sources: Sources) -> SplitRule:
    """Return the rule with aliases for the names that must not show."""
    named = rule.patients and tuple(sources.aliases.get(name, name) for name in rule.patients)
    return replace(rule, patients=named)


def _write_slices(folder: Path, name: str, patient: SlicedPatient) -> dict[int, bool]:
    """Write a patient's slices; return their numbers, and whether each shows tumour."""
    tumour = {}
    for number, images in patient:
        for kind, image in images.items():
            path = image_path(folder, slice_id(name, number), kind)
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(image).save(
                path, compress_level=4
            )  # the folder appears whole, so a file need not
        tumour[number] = bool(images["mask"].any())
    return tumour


def _write_lists(folder: Path, records: Sequence[PatientRecord]) -> None:
    for name in SPLITS:
        lines = [
            f"{slice_id(record.patient, number)}\n"
            for record in records
            if record.split == name
            for number in record.numbers
        ]
        list_path(folder, name).write_text("".join(lines), encoding="utf-8", newline="\n")


def _source_name(triple: Triple, kind: str, root: Path) -> str:
    """Return what metadata.json calls a file."""
    return (
        triple.fingerprint if triple.fingerprint and kind != "mask" else _below(getattr(triple, kind), root)
    )


def _below(path: Path, root: Path) -> str:
    """Name a file from `root`; one elsewhere by its own name alone, so that no disk's layout is published."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


@contextmanager
def _collect_warnings() -> Iterator[list[str]]:
    """Collect the text of each `VolumeWarning`; let other warnings through."""
    noted: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", VolumeWarning)
        yield noted
    for warning in caught:
        if issubclass(warning.category, VolumeWarning):
            noted.append(str(warning.message))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
