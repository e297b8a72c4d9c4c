"""Which slices the panels show."""

from math import nan

import pytest

from cipa.report.extremes import choose_extremes


def rows(*dice, px=100):
    return [{"slice": f"{n:02d}", "dice": value, "truth_px": px} for n, value in enumerate(dice)]


def names(chosen):
    return {kind: [row["slice"] for row in group] for kind, group in chosen.items()}


def test_worst_median_and_best_by_dice():
    chosen = choose_extremes(rows(0.5, 0.1, 0.9, 0.2, 0.6, 0.8, 0.4, 0.55, 0.3), 2)
    assert names(chosen) == {"worst": ["01", "03"], "median": ["06", "00"], "best": ["02", "05"]}


@pytest.mark.parametrize("slices", range(1, 14))
def test_no_slice_is_shown_twice_and_small_sets_give_fewer(slices):
    chosen = names(choose_extremes(rows(*(n / 20 for n in range(slices))), 4))
    shown = [name for group in chosen.values() for name in group]
    assert len(shown) == len(set(shown))
    assert len(shown) == min(slices, 3 * max(1, min(4, slices // 3)))


def test_of_equal_dice_the_larger_tumour_is_the_worse():
    table = rows(0, 0, 0, 0.5, 0.6, 0.7)
    table[1]["truth_px"] = 900
    assert names(choose_extremes(table, 1))["worst"] == ["01"]


def test_slices_without_dice_are_left_out():
    assert names(choose_extremes(rows(nan, 0.3, nan), 2)) == {"worst": ["01"]}
    assert choose_extremes(rows(nan), 2) == {}
