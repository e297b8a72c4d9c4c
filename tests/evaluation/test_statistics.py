"""Intervals and paired tests."""

import math
from itertools import product

import numpy as np
import pytest

from cipa.evaluation.statistics import holm, paired_difference, spread, why_no_interval, why_no_test


def test_the_interval_of_a_mean_is_the_textbooks_for_many_patients():
    values = np.random.default_rng(1).normal(70, 10, 400)
    found = spread(values)
    error = 1.96 * values.std() / math.sqrt(values.size)
    assert found.mean.value == pytest.approx(values.mean())
    assert found.mean.low == pytest.approx(values.mean() - error, abs=0.05)
    assert found.mean.high == pytest.approx(values.mean() + error, abs=0.05)
    assert found.median.low < found.median.value == np.median(values) < found.median.high


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(2)
    hits = 0
    for seed in range(100):
        mean = spread(random.exponential(1, 60), seed).mean
        hits += mean.low <= 1 <= mean.high
    assert 87 <= hits <= 99


def test_the_seed_decides():
    values = [0.2, 0.9, 0.5, 0.7, 0.3]
    assert spread(values, 3) == spread(values, 3)
    assert spread(np.linspace(0, 1, 30) ** 3, 3) != spread(np.linspace(0, 1, 30) ** 3, 4)


def test_patients_without_the_score_are_left_out_and_counted():
    found = spread([0.5, math.nan, 0.7])
    assert found.patients == 2
    assert found.mean.value == pytest.approx(0.6)
    nothing = spread([math.nan])
    assert nothing.patients == 0
    assert math.isnan(nothing.mean.value)
    assert math.isnan(nothing.median.low)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_of_fewer_than_five_patients_there_is_no_interval(count):
    found = spread([0.4] * count)
    assert found.mean.value == found.median.value == pytest.approx(0.4)
    bounds = (found.mean.low, found.mean.high, found.median.low, found.median.high)
    assert all(map(math.isnan, bounds))
    assert "fewer than 5" in why_no_interval(count)


def test_of_five_patients_there_is_an_interval():
    found = spread([0.1, 0.2, 0.3, 0.4, 0.5])
    assert found.mean.low < 0.3 < found.mean.high
    assert why_no_interval(5) == ""


@pytest.mark.parametrize(("pairs", "has_p"), [(2, False), (5, False), (6, True)])
def test_a_difference_of_fewer_than_six_pairs_has_no_p(pairs, has_p):
    found = paired_difference(np.arange(1, pairs + 1) / 10, np.zeros(pairs))
    assert math.isfinite(found.p) == has_p
    assert (why_no_test(pairs) == "") == has_p
    if has_p:
        assert found.p == pytest.approx(2 / 2**pairs)


def signed_rank_by_enumeration(differences):
    """Return the exact two-sided p: the share of all 2^n signs with a rank sum as far from its centre."""
    ranks = np.argsort(np.argsort(np.abs(differences))) + 1
    centre = ranks.sum() / 2
    observed = abs(ranks[np.asarray(differences) > 0].sum() - centre)
    sums = [abs(ranks[np.array(signs)].sum() - centre) for signs in product((False, True), repeat=len(ranks))]
    return np.mean(np.array(sums) >= observed)


def test_the_paired_test_is_the_exact_signed_rank_test():
    baseline = np.array([0.3, 0.5, 0.6, 0.2, 0.8, 0.4, 0.7])
    differences = np.array([0.05, 0.11, -0.02, 0.07, 0.13, 0.03, 0.17])
    found = paired_difference(baseline + differences, baseline)
    assert found.p == pytest.approx(signed_rank_by_enumeration(differences))
    assert found.mean.value == pytest.approx(differences.mean())
    assert 0 < found.mean.low < found.mean.value < found.mean.high


def test_pairing_sees_what_the_patients_spread_hides():
    baseline = np.random.default_rng(5).uniform(0, 1, 40)
    better = baseline + np.random.default_rng(6).normal(0.02, 0.01, 40)
    assert spread(better).mean.low < spread(baseline).mean.high
    found = paired_difference(better, baseline)
    assert found.mean.low > 0
    assert found.p < 0.001


def test_equal_runs_do_not_differ_and_nothing_gives_nothing():
    same = paired_difference([0.1] * 6, [0.1] * 6)
    assert (same.p, same.mean.value, same.mean.low, same.mean.high) == (1, 0, 0, 0)
    half = paired_difference([0.1, math.nan, 0.4], [0.2, 0.3, math.nan])
    assert half.patients == 1
    nothing = paired_difference([math.nan], [0.1])
    assert (nothing.patients, math.isnan(nothing.p)) == (0, True)
    with pytest.raises(ValueError, match="not pairs"):
        paired_difference([0.1], [0.1, 0.2])


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == pytest.approx([1, 1])
    first, second = holm([0.02, math.nan])
    assert first == 0.02
    assert math.isnan(second)
    assert holm([]) == []
