"""Pixel counts and the scores drawn from them, on numbers small enough to check by hand."""

import math

import numpy as np
import pytest

from cipa.evaluation.counts import Counts


def test_counts_each_of_the_four_cases():
    prediction = np.array([[1, 1, 1, 0], [0, 0, 0, 0]], np.uint8) * 255
    truth = np.array([[1, 1, 0, 1], [0, 0, 0, 0]], bool)
    assert Counts.of(prediction, truth) == Counts(tp=2, fp=1, fn=1, tn=4)


def test_scores_follow_their_definitions():
    counts = Counts(tp=6, fp=2, fn=4, tn=88)
    assert counts.iou == 6 / 12
    assert counts.dice == pytest.approx(12 / 18)
    assert counts.acc == pytest.approx((6 / 10 + 88 / 90) / 2)
    assert (counts.predicted, counts.true) == (8, 10)


def test_counts_add_up():
    assert Counts(1, 2, 3, 4) + Counts(10, 20, 30, 40) == Counts(11, 22, 33, 44)


def test_scores_of_nothing_are_nan_and_not_perfect():
    nothing = Counts(tn=100)
    assert math.isnan(nothing.iou)
    assert math.isnan(nothing.dice)
    assert math.isnan(nothing.acc)


def test_dice_and_iou_of_a_miss_are_zero():
    assert Counts(fn=5, tn=95).dice == Counts(fn=5, tn=95).iou == 0
