"""Confidence intervals of pooled scores, by resampling whole patients.

The published protocol gives one number for all pixels of all slices. Slices of a patient resemble each other,
so that whole patients are resampled (percentile bootstrap, Efron, 1979): each resample pools the pixels of as
many patients as there are, drawn with replacement.
"""

from collections.abc import Sequence

import numpy as np

from cipa.evaluation.published import Row
from cipa.evaluation.statistics import Interval, bootstrap_intervals

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
    columns = [np.array([row[name] for row in patients], np.float64) for name in ("tp", "fp", "fn", "tn")]
    return dict(zip(SCORES, bootstrap_intervals(_pooled_scores, columns, seed), strict=True))


def _pooled_scores(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray, tn: np.ndarray, axis: int) -> np.ndarray:
    """Return each of `SCORES` (3, ...) of counts summed along an axis, NaN where it has no value."""
    true, false, missed, empty = (counts.sum(axis) for counts in (tp, fp, fn, tn))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack(
            [
                true / (true + false + missed),
                2 * true / (2 * true + false + missed),
                (true / (true + missed) + empty / (empty + false)) / 2,
            ]
        )
