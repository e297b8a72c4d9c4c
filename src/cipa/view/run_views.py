"""A patient's images with the masks that several runs of an evaluation made, as one file for looking each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cipa.data.convert.sources import patient_id
from cipa.errors import CipaError, DataError
from cipa.evaluation.cases import find_cases, name_some
from cipa.evaluation.read_mask import READ_MASK, READ_TRUTH, Target, read_mask, read_truth
from cipa.files import atomic_file
from cipa.inference.inputs import PetCtInput
from cipa.inference.locations import read_location
from cipa.inference.measure import measure_labels
from cipa.inference.options import StudyOptions
from cipa.io.dicom.tags import text
from cipa.io.studies import StudyLocation, find_studies
from cipa.lesions.labelling import label_lesions
from cipa.text import printable
from cipa.view.describe import lesion_rows
from cipa.view.interactive import interactive_page

TRUTH = "truth"

RunMasks = Mapping[str, Mapping[str, Path]]
"""Patient to run to file; the runs in their order."""


def find_run_masks(folders: Mapping[str, Path], patients: Sequence[str]) -> RunMasks:
    """Find the masks that `cipa evaluate` wrote of studies.

    Args:
        folders: of the evaluations, by name.
        patients: whose.

    Raises:
        DataError: one is not there.
    """
    found: dict[str, dict[str, Path]] = {patient: {} for patient in patients}
    for run, folder in folders.items():
        missing = []
        for patient in patients:
            path = found[patient][run] = folder / "masks" / f"{patient}.nii.gz"
            if not path.is_file():
                missing.append(patient)
        if missing:
            raise DataError(
                f"{folder}: no mask of {name_some(missing)} in it; views are made of evaluations of studies, "
                "without --no-masks"
            )
    return found


def write_run_views(studies: Path, masks: RunMasks, folder: Path) -> tuple[dict[str, str], list[str]]:
    """Write FOLDER/PATIENT.html for every patient; the first run's mask is drawn, the others are outlined.

    Args:
        studies: a study, or a folder of studies.
        masks: as `find_run_masks` gives them.
        folder: where to; made if it is not there.

    Returns:
        The file of each patient, and lines for what could not be shown or written.

    Raises:
        DataError: there is no study in `studies`.
        OSError: a file cannot be written.
    """
    places = {patient_id(place.name): place for place in find_studies(studies)}
    if not places:
        raise DataError(f"{studies}: no study there; give the studies that were scored")
    truths, warnings = _find_truths(studies)
    files = {}
    for patient, by_run in masks.items():
        try:
            if patient not in places:
                raise DataError(f"no study of that name in {studies}")
            page = _page(patient, places[patient], by_run, truths.get(patient))
        except CipaError as error:
            warnings.append(f"{patient}: no view of it: {error}")
            continue
        files[patient] = f"{patient}.html"
        with atomic_file(folder / files[patient]) as partial:
            partial.write_text(page, encoding="utf-8", newline="\n")
    return files, warnings


def _find_truths(studies: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the truth of the patients that have it in or beside their folder, and a line if there is none.

    The runs are compared with one another then: truth may have been given in another way.
    """
    try:
        return {case.patient: case.truth for case in find_cases(studies)[0]}, []
    except CipaError as error:
        return {}, [f"views do not outline the truth: {error}"]


def _page(patient: str, place: StudyLocation, by_run: Mapping[str, Path], truth: Path | None) -> str:
    pair = read_location(place, StudyOptions())
    target = _target(pair)
    drawn = {run: read_mask(path, target, READ_MASK)[0] for run, path in by_run.items()}
    if truth is not None:
        drawn[TRUTH] = read_truth(truth, target, READ_TRUTH)[0]
    first, *others = drawn.values()
    labels, _ = label_lesions(first.view(np.uint8))
    measured = measure_labels(labels, pair, {})
    about = {
        "name": printable(f"{patient}: {next(iter(drawn))}", 200),
        "lesions": lesion_rows([lesion.row() for lesion in measured.lesions], {}),
        "warnings": [printable(line) for line in measured.warnings],
        "masks": [printable(name, 200) for name in drawn],
    }
    images = {kind: getattr(pair, kind) for kind in ("ct", "pet") if kind in pair.inputs}
    return interactive_page(about, pair.ct, images, [labels, *(mask.astype(np.uint8) for mask in others)])


def _target(pair: PetCtInput) -> Target:
    frame = "" if pair.source is None else text(pair.source.ct_series.header, "FrameOfReferenceUID")
    return Target(pair.ct, pair.pet if "pet" in pair.inputs else None, frame)
