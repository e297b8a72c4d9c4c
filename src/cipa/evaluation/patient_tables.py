"""A patient result as files: a CSV row a patient, and a part of the JSON summary."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cipa.evaluation.patient import METRICS, PatientResult
from cipa.evaluation.published import TUMOUR_ALONE_SCORED
from cipa.evaluation.statistics import CONFIDENCE, RESAMPLES, Interval, why_no_interval
from cipa.evaluation.tables import write_csv

PROTOCOL = "patient: 3-D, mm"
"""Name of the protocol in every output, so that its numbers are not taken for another's."""

PER_PATIENT_3D = "per_patient_3d.csv"
SUMMARY_KEY = "patient_3d"

OF_FALSE_MARKS = ("fp_ml", "lesion_precision", "lesion_f1")
"""Scores that are too good where no slice without tumour was scored."""


def write_patient_table(folder: str | os.PathLike[str], result: PatientResult) -> None:
    """Write per_patient_3d.csv, the rows of `PatientResult.patients`; an undefined cell is empty.

    Args:
        folder: where to; created if absent.
        result: the scores of at least one patient.

    Raises:
        OSError: the file cannot be written; nothing is left under its name.
    """
    write_csv(Path(folder) / PER_PATIENT_3D, result.patients)


def patient_summary(result: PatientResult) -> Mapping[str, Any]:
    """Return what summary.json says of a patient result: plain values, an undefined number is null.

    Each metric has its mean and its median, each with the bounds of its interval, the number of patients they
    are over, a note on what it does not say, and by name the patients without the score.
    """
    return {
        "protocol": PROTOCOL,
        "tolerance_mm": result.tolerance,
        "interval": f"{100 * CONFIDENCE:g} % percentile bootstrap over patients, {RESAMPLES} resamples",
        "patients": len(result.patients),
        "slices_without_tumour": sum(row["slices_without_tumour"] for row in result.patients),
        "missed": result.of_case("missed"),
        "unfounded": result.of_case("unfounded"),
        "empty": result.of_case("empty"),
        "with_gaps": [row["patient"] for row in result.patients if row["gaps"]],
        "metrics": {metric: _metric(result, metric) for metric in METRICS},
    }


def note_on(result: PatientResult, metric: str) -> str:
    """Return the caveat of a score, empty where there is none."""
    return TUMOUR_ALONE_SCORED if metric in OF_FALSE_MARKS and result.has_tumour_alone else ""


def _metric(result: PatientResult, metric: str) -> Mapping[str, Any]:
    spread = result.spreads[metric]
    return {
        "mean": _number(spread.mean.value),
        "mean_interval": _bounds(spread.mean),
        "median": _number(spread.median.value),
        "median_interval": _bounds(spread.median),
        "note": "; ".join(filter(None, (why_no_interval(spread.patients), note_on(result, metric)))),
        "patients": spread.patients,
        "undefined": result.without(metric),
    }


def _bounds(interval: Interval) -> list[float | None]:
    return [_number(interval.low), _number(interval.high)]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
