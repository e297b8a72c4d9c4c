"""The patient protocol: every patient one volume in millimetres, every patient one vote.

The published protocol pools the pixels of all slices, so that a few large tumours decide its numbers, and
counts distances in pixels of single slices. Here each patient is scored in three dimensions by
`cipa.evaluation.volume_scores`, whose table says what an empty mask is worth, and means, medians and
intervals are over patients.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from math import nan

import numpy as np

from cipa.data.layout import patient_of, slice_number
from cipa.data.spacing import Spacing
from cipa.errors import UsageError
from cipa.evaluation.mask_store import MaskStore
from cipa.evaluation.published import Row
from cipa.evaluation.stack import slice_indices, stack_slices
from cipa.evaluation.statistics import Spread, spread
from cipa.evaluation.volume_scores import TOLERANCE_MM, Case, VolumeScores, score_volume

METRICS = (
    "dice",
    "iou",
    "nsd",
    "hd95_mm",
    "fn_ml",
    "fp_ml",
    "lesion_sensitivity",
    "lesion_precision",
    "lesion_f1",
    "volume_error_ml",
    "volume_error_relative",
    "fp_ml_without_tumour",
    "marks_without_tumour",
)
"""Columns of a patient's row that are averaged over patients. The last two have a value only where the truth
is empty, lesion sensitivity and relative error only where it is not."""


@dataclass(frozen=True)
class PatientResult:
    """Scores of a set of patients.

    Attributes:
        patients: a row a patient, by id: patient, case, slices, slices_without_tumour, gaps (slice numbers
            missing in between), spacing_z_mm, spacing_y_mm, spacing_x_mm, the `METRICS`, truth_ml,
            prediction_ml, lesions_true, lesions_found, lesions_predicted, lesions_right. A NaN is a score the
            patient does not have.
        tolerance: of NSD, mm.
    """

    patients: list[Row]
    tolerance: float

    @cached_property
    def spreads(self) -> dict[str, Spread]:
        """Mean and median over patients of each of the `METRICS`, with 95 % intervals."""
        return {metric: spread([row[metric] for row in self.patients]) for metric in METRICS}

    @property
    def has_tumour_alone(self) -> bool:
        """Whether every slice scored shows tumour, so that there was hardly room for false marks."""
        return not any(row["slices_without_tumour"] for row in self.patients)

    def of_case(self, case: Case) -> list[str]:
        """Return the patients of one row of the empty-mask table."""
        return [row["patient"] for row in self.patients if row["case"] == case]

    def without(self, metric: str) -> list[str]:
        """Return the patients that do not have a score, and are not in its mean."""
        return [row["patient"] for row in self.patients if np.isnan(row[metric])]


class PatientProtocol:
    """Collects slices, in any order and from any thread, or whole volumes, and scores them by patient."""

    def __init__(
        self, spacings: Mapping[str, Spacing] | None = None, tolerance: float = TOLERANCE_MM
    ) -> None:
        """Start empty.

        Args:
            spacings: z, y, x in mm of the patients that come as slices (`cipa.data.spacing.find_spacings`).
            tolerance: of NSD, mm.

        Raises:
            UsageError: the tolerance is not a number of 0 or more.
        """
        if not 0 <= tolerance < float("inf"):
            raise UsageError(f"--tolerance {tolerance:g}: give millimetres, 0 or more")
        self._spacings = dict(spacings or {})
        self._tolerance = tolerance
        self._predictions, self._truths = MaskStore(), MaskStore()
        self._slices: dict[str, set[str]] = {}
        self._volumes: dict[str, Row] = {}
        self._result: PatientResult | None = None

    def update(self, slice_id: str, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Take one slice.

        Args:
            slice_id: "<patient>_<slice>"; a slice given again replaces the first.
            prediction: bool or uint8 mask (H, W); what is not 0 is tumour.
            truth: mask of the same shape.

        Raises:
            ValueError: the shapes differ or are not two-dimensional.
            KeyError: the patient's spacing was not given.
        """
        if prediction.ndim != 2 or prediction.shape != truth.shape:
            shapes = f"{prediction.shape} and {truth.shape}"
            raise ValueError(f"{slice_id}: masks of shapes {shapes}, expected one shape (H, W)")
        if patient_of(slice_id) not in self._spacings:
            raise KeyError(f"{slice_id}: no spacing of patient {patient_of(slice_id)}")
        self._predictions.add(slice_id, prediction)
        self._truths.add(slice_id, truth)
        self._slices.setdefault(patient_of(slice_id), set()).add(slice_id)
        self._result = None

    def score_patient(self, patient: str, prediction: np.ndarray, truth: np.ndarray, spacing: Spacing) -> Row:
        """Score a patient given as a whole volume, at once: no mask is kept.

        Args:
            patient: id; scored again, the first scores are replaced.
            prediction: mask (Z, H, W); what is not 0 is tumour.
            truth: mask of the same shape.
            spacing: z, y, x in mm.

        Returns:
            The patient's row, as `PatientResult.patients` has it.

        Raises:
            ValueError: the masks are not volumes of one shape.
        """
        scores = score_volume(prediction, truth, spacing, self._tolerance)
        healthy = len(truth) - int(np.count_nonzero(truth.any(axis=(1, 2))))
        self._volumes[patient] = _row(patient, scores, spacing, len(truth), healthy, gaps=0)
        self._result = None
        return self._volumes[patient]

    def result(self) -> PatientResult:
        """Score the slices so far, one patient per thread; the result is kept until more slices come.

        Returns:
            The same for the same slices, whatever their order.

        Raises:
            DataError: the slice numbers of a patient do not make a volume.
        """
        if self._result is None:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                rows = list(pool.map(self._score, sorted(self._slices)))
            everyone = {row["patient"]: row for row in rows} | self._volumes
            self._result = PatientResult([everyone[name] for name in sorted(everyone)], self._tolerance)
        return self._result

    def _score(self, patient: str) -> Row:
        ids = sorted(self._slices[patient], key=slice_number)
        places = slice_indices(ids)
        predictions, truths = (
            [store.get(slice_id) for slice_id in ids] for store in (self._predictions, self._truths)
        )
        truth, spacing = stack_slices(truths, places), self._spacings[patient]
        scores = score_volume(stack_slices(predictions, places), truth, spacing, self._tolerance)
        healthy = sum(not mask.any() for mask in truths)
        return _row(patient, scores, spacing, len(ids), healthy, gaps=len(truth) - len(ids))


def _row(patient: str, scores: VolumeScores, spacing: Spacing, slices: int, healthy: int, gaps: int) -> Row:
    lesions, has_tumour = scores.lesions, scores.truth_ml > 0
    return {
        "patient": patient,
        "case": scores.case,
        "slices": slices,
        "slices_without_tumour": healthy,
        "gaps": gaps,
        **{f"spacing_{axis}_mm": step for axis, step in zip("zyx", spacing, strict=True)},
        "dice": scores.dice,
        "iou": scores.iou,
        "nsd": scores.nsd,
        "hd95_mm": scores.hd95_mm,
        "fn_ml": scores.fn_ml,
        "fp_ml": scores.fp_ml,
        "lesion_sensitivity": lesions.sensitivity,
        "lesion_precision": lesions.precision,
        "lesion_f1": lesions.f1,
        "volume_error_ml": scores.volume_error_ml,
        "volume_error_relative": scores.volume_error_relative,
        "fp_ml_without_tumour": nan if has_tumour else scores.fp_ml,
        "marks_without_tumour": nan if has_tumour else float(lesions.predicted),
        "truth_ml": scores.truth_ml,
        "prediction_ml": scores.prediction_ml,
        "lesions_true": lesions.true,
        "lesions_found": lesions.found,
        "lesions_predicted": lesions.predicted,
        "lesions_right": lesions.right,
    }
