"""A result as files: a CSV row a slice, a CSV row a patient, a JSON summary."""

import csv
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cipa.evaluation.pooled import pooled_intervals
from cipa.evaluation.published import PublishedResult, Row
from cipa.evaluation.statistics import why_no_interval
from cipa.files import atomic_file
from cipa.text import cell

PROTOCOL = "published: pooled pixels"
"""Name of the protocol in every output, so that its numbers are not taken for another's."""

SUMMARY = "summary.json"


def write_tables(
    folder: str | os.PathLike[str], result: PublishedResult, about: Mapping[str, Any] | None = None
) -> None:
    """Write per_slice.csv, per_patient.csv and summary.json.

    Args:
        folder: where to; created if absent.
        result: the scores; fractions in [0, 1] and pixels, as in `PublishedResult`.
        about: what else the summary shall say (weights, threshold, list), plain values.

    Raises:
        OSError: a file cannot be written; the files before it stand whole.
    """
    folder = Path(folder)
    write_csv(folder / "per_slice.csv", result.slices)
    write_csv(folder / "per_patient.csv", result.patients)
    write_summary(folder / SUMMARY, result, about)


def write_csv(path: str | os.PathLike[str], rows: Sequence[Row]) -> None:
    """Write rows that share their columns; a NaN is an empty cell, a float has six digits.

    Args:
        path: final name.
        rows: at least one, each a mapping of the same columns in the same order.

    Raises:
        ValueError: no rows, so that the columns are unknown.
        OSError: the file cannot be written; nothing is left under its name.
    """
    if not rows:
        raise ValueError(f"{path}: a table needs at least one row")
    with atomic_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)


def write_summary(
    path: str | os.PathLike[str], result: PublishedResult, about: Mapping[str, Any] | None = None
) -> None:
    """Write the scores of a whole set as JSON, "intervals" being 95 % ones over patients; a NaN is null.

    Where there are too few patients for intervals, "intervals_note" says so.

    Args:
        path: final name.
        result: the scores.
        about: what else the summary shall say, plain values.

    Raises:
        OSError: the file cannot be written; nothing is left under its name.
    """
    summary = {
        "protocol": PROTOCOL,
        **{name: _number(getattr(result, name)) for name in ("iou", "dice", "acc", "hd95")},
        "intervals": {
            name: [_number(interval.low), _number(interval.high)]
            for name, interval in pooled_intervals(result.patients).items()
        },
        "intervals_note": why_no_interval(len(result.patients)),
        "slices": len(result.slices),
        "patients": len(result.patients),
        "slices_without_tumour": sum(not row["truth_px"] for row in result.slices),
        "warnings": result.warnings,
        "slices_missed": result.missed,
        "slices_without_truth": result.unfounded,
        **(about or {}),
    }
    with atomic_file(path) as partial:
        partial.write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
