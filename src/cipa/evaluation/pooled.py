"""How far scores of pooled pixels can be trusted: intervals by resampling whole patients.

The published protocol gives one number for all pixels of all slices. Slices of a patient resemble each other,
so that the patient is what is drawn anew (percentile bootstrap, Efron, 1979): each resample pools the pixels
of as many patients as there are, with replacement.
"""

from collections.abc import Sequence
from math import nan

import numpy as np

from cipa.evaluation.published import Row
from cipa.evaluation.statistics import CONFIDENCE, FEWEST_FOR_INTERVAL, RESAMPLES, Interval

SCORES = ("iou", "dice", "acc")


def pooled_intervals(patients: Sequence[Row], seed: int = 0) -> dict[str, Interval]:
    """Return IoU, Dice and Acc of the pooled pixels, each with its 95 % interval over patients.

    Args:
        patients: rows with tp, fp, fn and tn, as `PublishedResult.patients`; at least one.
        seed: of the resampling; the same seed and rows give the same intervals.

    Returns:
        Score to interval, without bounds of fewer than `FEWEST_FOR_INTERVAL` patients. A resample without the
        score (no tumour in it) is left out.
    """
    counts = np.array([[row[name] for name in ("tp", "fp", "fn", "tn")] for row in patients], np.float64)
    number = len(counts)
    if number < FEWEST_FOR_INTERVAL:
        return {name: Interval(float(value), nan, nan) for name, value in _scores(counts.sum(axis=0)).items()}
    times = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), RESAMPLES)
    value, samples = _scores(counts.sum(axis=0)), _scores(times @ counts)
    return {name: _interval(value[name], samples[name]) for name in SCORES}


def _scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return each of `SCORES` of counts (..., 4), NaN where it has no value."""
    tp, fp, fn, tn = np.moveaxis(counts, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "iou": tp / (tp + fp + fn),
            "dice": 2 * tp / (2 * tp + fp + fn),
            "acc": (tp / (tp + fn) + tn / (tn + fp)) / 2,
        }


def _interval(value: np.ndarray, samples: np.ndarray) -> Interval:
    known = samples[np.isfinite(samples)]
    if not known.size or not np.isfinite(value):
        return Interval(nan, nan, nan)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, (tail, 1 - tail))
    return Interval(float(value), float(low), float(high))
