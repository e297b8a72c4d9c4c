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


def test_of_two_patients_the_bounds_are_either_of_them_alone():
    """A quarter of the resamples are one patient twice, more than the 2.5 % beyond each bound."""
    found = pooled_intervals([row(30, 10, 10), row(10, 0, 40)])["iou"]
    assert (found.low, found.high) == pytest.approx((10 / 50, 30 / 50))


def test_of_one_patient_the_bounds_are_its_value_and_without_tumour_there_is_none():
    alone = pooled_intervals([row(30, 10, 10)])["iou"]
    assert (alone.low, alone.value, alone.high) == (0.6, 0.6, 0.6)
    assert math.isnan(pooled_intervals([row(0, 0, 0)])["dice"].value)


def test_like_patients_agree_and_the_seed_alone_decides():
    rows = [row(30, 10, 10)] * 5
    same = pooled_intervals(rows)["dice"]
    assert same.low == same.high == pytest.approx(0.75)
    mixed = [row(n, 10, 5) for n in range(1, 9)]
    assert pooled_intervals(mixed) == pooled_intervals(mixed) != pooled_intervals(mixed, seed=1)
