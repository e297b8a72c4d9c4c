"""Inference from a sample of patients: bootstrap intervals, tests of paired differences.

The patient is the unit: slices and lesions of one patient resemble each other, so that resampling them would
make every interval too narrow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan, nan

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap, wilcoxon

RESAMPLES = 10_000
CONFIDENCE = 0.95

BATCH = 1000
"""Resamples in memory at once: 605 patients of four counts take 20 MB, not 200."""

FEWEST_FOR_INTERVAL = 5
"""Patients below which no interval is given: of two, the bootstrap's is always [lowest, highest]."""

FEWEST_FOR_TEST = 6
"""Pairs below which no p is given: the smallest two-sided p that five pairs can have is 0.0625."""


Scores = Sequence[float] | npt.NDArray[np.float64]
"""A score of each patient."""


@dataclass(frozen=True)
class Interval:
    """An estimate with the bounds of its bootstrap interval (percentiles, 95 %).

    Attributes:
        value: NaN without any value.
        low: lower bound; NaN where fewer than `FEWEST_FOR_INTERVAL` patients have a value.
        high: upper bound; NaN likewise.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Spread:
    """Mean and median of a score over patients.

    Attributes:
        mean: over the patients that have the score.
        median: over the same.
        patients: how many those are.
    """

    mean: Interval
    median: Interval
    patients: int


@dataclass(frozen=True)
class PairedDifference:
    """How a score of one run differs from another's on the same patients.

    Attributes:
        mean: mean of the patients' differences, with its interval from resampled patients.
        p: of the Wilcoxon signed-rank test, two-sided, zero differences dropped; 1 if all are zero, NaN of
            fewer than `FEWEST_FOR_TEST` pairs. Not corrected for the number of tests.
        patients: pairs in which both runs have the score.
    """

    mean: Interval
    p: float
    patients: int


def why_no_interval(patients: int) -> str:
    """Return why a score over so many patients has no interval, empty where it has one."""
    return f"no interval of fewer than {FEWEST_FOR_INTERVAL} patients" * (patients < FEWEST_FOR_INTERVAL)


def why_no_test(pairs: int) -> str:
    """Return why a difference over so many pairs has no p, empty where it has one."""
    return f"no p of fewer than {FEWEST_FOR_TEST} pairs" * (pairs < FEWEST_FOR_TEST)


def spread(values: Scores, seed: int = 0) -> Spread:
    """Return mean and median over patients with 95 % percentile-bootstrap intervals (Efron, 1979).

    Args:
        values: one a patient; a NaN is a patient without the score and is left out, which `patients` shows.
        seed: of the resampling; the same seed and values give the same interval.

    Returns:
        The spread, without bounds where there are too few patients for any.
    """
    known = _without_nan(np.asarray(values, np.float64))
    mean, median = bootstrap_intervals(_mean_and_median, (known,), seed)
    return Spread(mean, median, known.size)


def paired_difference(values: Scores, baseline: Scores, seed: int = 0) -> PairedDifference:
    """Compare a score of two runs, patient by patient.

    Args:
        values: a run's score, one a patient.
        baseline: the other run's, of the same patients in the same order.
        seed: of the resampling.

    Returns:
        `values` less `baseline`; pairs with a NaN are left out, which `patients` shows.

    Raises:
        ValueError: the lengths differ, so that they are not pairs.
    """
    if len(values) != len(baseline):
        raise ValueError(f"{len(values)} and {len(baseline)} patients are not pairs")
    differences = _without_nan(np.asarray(values, np.float64) - np.asarray(baseline, np.float64))
    mean, _ = bootstrap_intervals(_mean_and_median, (differences,), seed)
    return PairedDifference(mean, _signed_rank(differences), differences.size)


def bootstrap_intervals(
    statistics: Callable[..., np.ndarray], columns: Sequence[np.ndarray], seed: int = 0
) -> list[Interval]:
    """Return several scores of a sample of patients with 95 % percentile-bootstrap intervals.

    Args:
        statistics: takes arrays (..., N) and `axis`, the last one, and gives (K, ...), NaN where a score has
            no value.
        columns: arrays (N,), an entry a patient; each resample draws whole patients.
        seed: of the resampling.

    Returns:
        K intervals, without bounds of fewer than `FEWEST_FOR_INTERVAL` patients. A resample without a score
        is left out of that score's.
    """
    patients = len(columns[0])
    if not patients:
        return [Interval(nan, nan, nan)] * len(statistics(*(np.zeros(1) for _ in columns), axis=-1))
    values = statistics(*columns, axis=-1)
    if patients < FEWEST_FOR_INTERVAL:
        return [Interval(float(value), nan, nan) for value in values]
    resampled = bootstrap(
        columns,
        statistics,
        n_resamples=RESAMPLES,
        batch=BATCH,
        paired=len(columns) > 1,
        vectorized=True,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).bootstrap_distribution
    return [_interval(value, samples) for value, samples in zip(values, resampled, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number by Holm's step-down method (Holm, 1979).

    Args:
        p_values: of one family of tests, in [0, 1]; a NaN is no test and stays.

    Returns:
        The corrected ones, in the same order, each at least what it was and at most 1.
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if not isnan(p))
    corrected, largest = list(p_values), 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, p * (len(order) - rank)))
        corrected[place] = largest
    return corrected


def _without_nan(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]


def _mean_and_median(values: np.ndarray, axis: int) -> np.ndarray:
    return np.stack([np.mean(values, axis), np.median(values, axis)])


def _interval(value: float, samples: np.ndarray) -> Interval:
    """Return percentiles of the resamples that have the score; scipy's are NaN where one of them has not."""
    known = samples[np.isfinite(samples)]
    if not known.size or not np.isfinite(value):
        return Interval(nan, nan, nan)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, (tail, 1 - tail))
    return Interval(float(value), float(low), float(high))


def _signed_rank(differences: np.ndarray) -> float:
    if differences.size < FEWEST_FOR_TEST:
        return nan
    return float(wilcoxon(differences).pvalue) if differences.any() else 1.0
