import math

import pytest

from cipa.evaluation.pooled import pooled_intervals


def row(tp, fp, fn, tn=100):
    return {"tp": tp, "fp": fp, "fn": fn, "tn": tn}


def test_the_value_is_that_of_the_pooled_pixels():
    found = pooled_intervals([row(30, 10, 10), row(10, 0, 40)])
    assert found["iou"].value == pytest.approx(40 / 100)
    assert found["dice"].value == pytest.approx(80 / 140)
    assert found["acc"].value == pytest.approx((40 / 90 + 200 / 210) / 2)


@pytest.mark.parametrize(("patients", "has_bounds"), [(1, False), (4, False), (5, True)])
def test_of_fewer_than_five_patients_there_are_no_bounds(patients, has_bounds):
    found = pooled_intervals([row(30, 10, 10), *[row(10, 0, 40)] * (patients - 1)])["iou"]
    assert found.value == pytest.approx((20 + 10 * patients) / (50 * patients))
    assert math.isfinite(found.low) == math.isfinite(found.high) == has_bounds


def test_of_five_patients_the_lower_bound_is_that_of_the_worst_alone():
    """A third of the resamples lack the one better patient, more than the 2.5 % beyond the bound."""
    found = pooled_intervals([row(30, 10, 10), *[row(10, 0, 40)] * 4])["iou"]
    assert found.low == pytest.approx(10 / 50)


def test_without_tumour_there_is_no_score():
    assert math.isnan(pooled_intervals([row(0, 0, 0)])["dice"].value)


def test_like_patients_agree_and_the_seed_alone_decides():
    rows = [row(30, 10, 10)] * 5
    same = pooled_intervals(rows)["dice"]
    assert same.low == same.high == pytest.approx(0.75)
    mixed = [row(n**3, 10 * n, 5) for n in range(1, 30)]  # sums that hardly ever meet
    assert pooled_intervals(mixed) == pooled_intervals(mixed) != pooled_intervals(mixed, seed=1)


def test_resamples_draw_the_four_counts_of_a_patient_together():
    """Columns resampled apart would give IoUs of patients that do not exist, below 0.2 and above 0.8."""
    rows = [row(80, 10, 10), row(20, 40, 40)] * 20
    found = pooled_intervals(rows)["iou"]
    every = [(80 * k + 20 * (40 - k)) / (100 * 40) for k in range(41)]
    assert min(abs(found.low - one) for one in every) < 1e-9
    assert min(abs(found.high - one) for one in every) < 1e-9
