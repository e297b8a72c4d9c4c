"""What a comparison of runs says, whatever it is written as: heading, columns, a row's cells, notes."""

import math

import numpy as np

from cipa.evaluation.comparison import Comparison, Entry
from cipa.evaluation.patient_tables import PROTOCOL
from cipa.evaluation.statistics import why_no_interval, why_no_test
from cipa.report.quantities import QUANTITIES
from cipa.text import plural

POOLED = "pixels pooled within each patient, HD95 in pixels"

COLUMNS = ("score", "run", "mean [95 % interval]", "median", "patients", "difference", "p", "p (Holm)")


def title(comparison: Comparison) -> str:
    """Return how many runs, patients and slices."""
    numbers = ((comparison.patients, "patient"), (comparison.slices, "slice"))
    return f"{len(comparison.runs)} runs, " + ", ".join(plural(*each) for each in numbers)


ABOUT_NAMES = {
    "weights": "weights",
    "pet_threshold": "PET threshold",
    "masks": "masks",
    "variant": "network",
    "image_size": "image size, pixels",
    "inputs": "shown",
    "threshold": "threshold, probability",
    "precision": "precision",
    "data": "data set",
    "list": "list",
    "date": "evaluated on",
    "cipa": "CIPA version",
}
"""What was compared, in words; keys as in `cipa.evaluation.runs.ABOUT`."""


def about_rows(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """Return what each run is: a name and a value a run; rows that say nothing of any run are left out."""
    rows = []
    for key, name in ABOUT_NAMES.items():
        values = [comparison.about.get(run, {}).get(key, "") for run in comparison.runs]
        if any(values):
            rows.append((name, [value or "–" for value in values]))
    return rows


def verdict(comparison: Comparison) -> str:
    """Return a sentence: which run has the highest mean Dice, and how sure its lead over the first run is."""
    quantity = QUANTITIES["dice"]
    scored = [entry for entry in comparison.entries if entry.metric == "dice"]
    best = max(scored, key=lambda entry: np.nan_to_num(entry.spread.mean.value, nan=-1.0))
    said = f"Highest mean Dice: {best.run}, {quantity.interval(best.spread.mean)} %"
    if best.difference is None or math.isnan(best.difference.mean.value):
        return said + "."
    lead = f"{quantity.interval(best.difference.mean, '+')} points over {comparison.runs[0]}"
    p = best.p_holm if best.p_holm is not None else math.nan
    sure = f"p {_p(p)} after Holm" if not math.isnan(p) else why_no_test(best.difference.patients)
    return f"{said}; {lead}, {sure}."


def notes(comparison: Comparison) -> list[str]:
    """Return what the numbers are, and by name the patients whose scores are by convention."""
    protocol = PROTOCOL if comparison.is_3d else POOLED
    tolerance = f"; NSD at {comparison.tolerance:g} mm" if comparison.is_3d else ""
    return [
        f"protocol {protocol}{tolerance}",
        f"difference: mean over patients of run less {comparison.runs[0]}, with its 95 % bootstrap interval",
        "p: Wilcoxon signed-rank test on the patients' differences, two-sided; (Holm) corrects it for the "
        "number of runs, not of scores",
        *filter(None, (why_no_interval(comparison.patients), why_no_test(comparison.patients))),
        *(
            f"{run}: {what} {', '.join(names)}"
            for what, runs in _by_convention(comparison).items()
            for run, names in runs.items()
            if names
        ),
    ]


def _by_convention(comparison: Comparison) -> dict[str, dict[str, list[str]]]:
    return {
        "nothing predicted of": comparison.missed,
        "tumour predicted where there is none, of": comparison.unfounded,
        f"without tumour and none predicted{', scored Dice 1' * comparison.is_3d}:": comparison.empty,
    }


def cells(comparison: Comparison, entry: Entry) -> list[str]:
    """Return the text of a row's `COLUMNS`; the score is named where its first run stands."""
    quantity = QUANTITIES[entry.metric]
    label = quantity.label if entry.run == comparison.runs[0] else ""
    shown = [
        label,
        entry.run,
        quantity.interval(entry.spread.mean),
        quantity.value(entry.spread.median.value),
        str(entry.spread.patients),
    ]
    if entry.difference is None or entry.p_holm is None:
        return [*shown, "", "", ""]
    return [
        *shown,
        quantity.interval(entry.difference.mean, "+") + _pairs(comparison, entry.difference.patients),
        _p(entry.difference.p),
        _p(entry.p_holm),
    ]


def _pairs(comparison: Comparison, pairs: int) -> str:
    return f" ({pairs} pairs)" if 0 < pairs < comparison.patients else ""


def _p(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"
