"""Numbers as a reader sees them."""

import math

import pytest

from cipa.evaluation.patient import METRICS
from cipa.evaluation.runs import POOLED_METRICS
from cipa.evaluation.statistics import Interval
from cipa.report.quantities import QUANTITIES


@pytest.mark.parametrize(
    ("metric", "number", "shown"),
    [
        ("dice", 0.77905, "77.9"),
        ("dice", 1.0, "100.0"),
        ("hd95_mm", 17.7351, "17.74"),
        ("hd95_mm", 243.561, "243.6"),
        ("volume_error_relative", -1228.829, "-122883"),
        ("volume_error_ml", -0.0004, "0.00"),
        ("fn_ml", math.nan, "-"),
    ],
)
def test_numbers_are_in_their_unit_with_no_more_digits_than_they_deserve(metric, number, shown):
    assert QUANTITIES[metric].value(number) == shown


def test_intervals_and_differences():
    dice = QUANTITIES["dice"]
    assert dice.interval(Interval(0.5, 0.4, 0.625)) == "50.0 [40.0, 62.5]"
    assert dice.interval(Interval(-0.05, -0.1, 0.0), "+") == "-5.0 [-10.0, +0.0]"
    assert dice.interval(Interval(math.nan, math.nan, math.nan)) == "-"


def test_every_score_that_tables_hold_can_be_shown():
    assert set(METRICS) | set(POOLED_METRICS) <= set(QUANTITIES)
