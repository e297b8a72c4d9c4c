"""Whole studies scored against their truth, in 3-D: tables, summary and masks in one folder."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError
from cipa.evaluation.cases import Case
from cipa.evaluation.patient import PatientProtocol, PatientResult
from cipa.evaluation.patient_tables import SUMMARY_KEY, patient_summary, write_patient_table
from cipa.evaluation.published import PublishedProtocol, PublishedResult, Row
from cipa.evaluation.read_mask import READ_MASK, READ_TRUTH, MaskReading, Target, read_mask, read_truth
from cipa.evaluation.tables import write_tables
from cipa.evaluation.volume_scores import TOLERANCE_MM
from cipa.files import atomic_folder
from cipa.inference.batch import failure_of
from cipa.inference.inputs import PetCtInput
from cipa.inference.locations import read_location
from cipa.inference.options import DEFAULTS, NOTHING_GIVEN, StudyOptions, VolumeOptions
from cipa.inference.slices import SlicePredictor
from cipa.inference.study import predict_study
from cipa.io.dicom.tags import text
from cipa.io.nifti import write_volume
from cipa.io.orientation import axial_stack, spacing
from cipa.progress import Progress

NOTE = "CIPA: mask that was scored; research software, not a medical device"
"""Field `descrip` of the NIfTI files written."""

SegmentStudy = Callable[[Case, PetCtInput], tuple[npt.NDArray[Any], Sequence[str]]]
"""A study to its mask, of the CT's shape, what is not 0 being tumour, and lines of what was done to it."""


@dataclass(frozen=True)
class Reading:
    """How studies and their truth are read.

    Attributes:
        options: what the user says of DICOM studies.
        truth: what of the truth files is tumour.
    """

    options: StudyOptions = NOTHING_GIVEN
    truth: MaskReading = READ_TRUTH


@dataclass(frozen=True)
class StudyScore:
    """What became of one study.

    Attributes:
        case: the study.
        row: its row of per_patient_3d.csv; None where it failed.
        of_truth: what a reader must know of its truth, one line each.
        of_mask: of its images and of the mask that was scored.
        error: why it failed, in one line; empty if it did not.
    """

    case: Case
    row: Row | None = None
    of_truth: tuple[str, ...] = ()
    of_mask: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class StudyResult:
    """Scores of whole studies.

    Attributes:
        published: of the pixels of all axial slices of all CTs.
        patients: of each patient in 3-D.
        studies: every study, in the order of scoring.
    """

    published: PublishedResult
    patients: PatientResult
    studies: tuple[StudyScore, ...]

    @property
    def failed(self) -> dict[str, str]:
        """Patient to why there are no scores."""
        return {study.case.patient: study.error for study in self.studies if study.error}


def network_segmenter(
    predictor: SlicePredictor, options: VolumeOptions = DEFAULTS, progress: Progress | None = None
) -> SegmentStudy:
    """Segment studies as `cipa predict` does, with plausibility unless `options` keep all."""

    def segment(case: Case, pair: PetCtInput) -> tuple[npt.NDArray[Any], Sequence[str]]:
        """Predict one study."""
        found = predict_study(predictor, pair, options, progress)
        return found.mask, found.warnings

    return segment


def file_segmenter(masks: Mapping[str, Path], reading: MaskReading = READ_MASK) -> SegmentStudy:
    """Take the masks that another tool made (`cipa.evaluation.cases.find_masks_of`)."""
    return lambda case, pair: read_mask(masks[case.patient], _target(pair), reading)


def _target(pair: PetCtInput) -> Target:
    frame = text(pair.source.ct_series.header, "FrameOfReferenceUID") if pair.source else ""
    return Target(pair.ct, pair.pet, frame)


def evaluate_studies(
    parts: Iterable[tuple[Sequence[Case], SegmentStudy]],
    out: str | os.PathLike[str],
    *,
    reading: Reading = Reading(),
    tolerance: float = TOLERANCE_MM,
    masks: bool = True,
    about: Mapping[str, Any] | None = None,
    on_study: Callable[[StudyScore], None] | None = None,
) -> StudyResult:
    """Segment and score whole studies, and write it all to a folder.

    OUT/masks/<patient>.nii.gz (uint8, 1 is tumour, on the CT's grid), OUT/per_patient_3d.csv and, over all
    axial slices of the CTs, OUT/per_slice.csv and OUT/per_patient.csv; OUT/summary.json. The folder appears
    when all is done; one that stood there is replaced then. A study that fails does not stop the others: it
    is named in the summary and has no scores.

    Args:
        parts: studies, and what segments them; made as they are needed, one in memory at a time.
        out: the folder.
        reading: how studies and truth are read.
        tolerance: of NSD, mm.
        masks: whether to write the masks.
        about: what else summary.json shall say; plain values.
        on_study: called after each study.

    Returns:
        The scores.

    Raises:
        DataError: no study could be scored; nothing is written.
        UsageError: the tolerance is out of its range.
        OSError: the folder cannot be written; what stood there stands there still.
    """
    scorer, studies = _Scorer(reading, tolerance), list[StudyScore]()
    with atomic_folder(out) as folder:
        for cases, segment in parts:
            for case in cases:
                studies.append(scorer.score(case, segment, folder / "masks" if masks else None))
                if on_study:
                    on_study(studies[-1])
        if all(study.error for study in studies):
            raise DataError(f"no study could be scored; {studies[0].case.study.name}: {studies[0].error}")
        result = StudyResult(scorer.published.result(), scorer.patients.result(), tuple(studies))
        _write(folder, result, about or {})
    return result


class _Scorer:
    """Scores study by study and keeps numbers, no volume."""

    def __init__(self, reading: Reading, tolerance: float) -> None:
        self.reading = reading
        self.patients, self.published = PatientProtocol(tolerance=tolerance), PublishedProtocol()

    def score(self, case: Case, segment: SegmentStudy, masks: Path | None) -> StudyScore:
        """Segment and score one study, and write its mask below `masks`."""
        try:
            return self._score(case, segment, masks)
        except Exception as error:  # must not cost the other studies
            return StudyScore(case, error=case.scrub(failure_of(case.study, error)))

    def _score(self, case: Case, segment: SegmentStudy, masks: Path | None) -> StudyScore:
        pair = read_location(case.study, self.reading.options)
        # truth that cannot be used is found before the network runs
        truth, of_truth = read_truth(case.truth, _target(pair), self.reading.truth)
        mask, of_mask = segment(case, pair)
        marked = np.asarray(mask) != 0
        if masks:
            write_volume(masks / f"{case.patient}.nii.gz", marked.view(np.uint8), pair.ct, NOTE)
        row = self._add(case.patient, marked, truth, pair.ct.affine)
        return StudyScore(case, row, tuple(map(case.scrub, of_truth)), tuple(map(case.scrub, of_mask)))

    def _add(
        self,
        patient: str,
        marked: npt.NDArray[np.bool_],
        truth: npt.NDArray[np.bool_],
        affine: npt.NDArray[np.float64],
    ) -> Row:
        stack, world = axial_stack(truth, affine)
        true = np.ascontiguousarray(stack)
        prediction = np.ascontiguousarray(axial_stack(marked, affine)[0])
        for number, (one, other) in enumerate(zip(prediction, true, strict=True)):
            self.published.update(f"{patient}_{number:04d}", one, other)
        return self.patients.score_patient(patient, prediction, true, spacing(world))


def _write(folder: Path, result: StudyResult, about: Mapping[str, Any]) -> None:
    write_patient_table(folder, result.patients)
    studies = {
        study.case.patient: {
            "study": study.case.study.name,
            "truth": study.case.scrub(str(study.case.truth)),
            "warnings": [*study.of_truth, *study.of_mask],
        }
        for study in result.studies
    }
    scores = {SUMMARY_KEY: patient_summary(result.patients), "studies": studies, "failed": result.failed}
    write_tables(folder, result.published, {**about, **scores})
