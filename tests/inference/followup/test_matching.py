import numpy as np
import pytest

from cipa.inference.followup.change import match_changes, total_changes
from cipa.inference.followup.matching import match_lesions
from two_time_points import AFFINE, box, time_point

IDENTITY = np.eye(4)


def kinds(before, after, matrix=IDENTITY, **options):
    found = match_lesions(time_point(before), time_point(after), matrix, **options)
    return [(one.kind, one.before, one.after) for one in found]


def test_a_lesion_that_overlaps_is_the_same():
    found = match_lesions(time_point([box(10, 10, 10)]), time_point([box(12, 10, 10)]), IDENTITY)
    assert [(one.kind, one.before, one.after, one.is_by_overlap) for one in found] == [
        ("same", (1,), (1,), True)
    ]
    assert found[0].distance_mm == pytest.approx(4)


def test_a_near_one_without_overlap_is_the_same_by_distance():
    before, after = time_point([box(10, 10, 10)]), time_point([box(16, 10, 10)])
    (found,) = match_lesions(before, after, IDENTITY)
    assert (found.kind, found.is_by_overlap, round(found.distance_mm)) == ("same", False, 12)
    assert [one.kind for one in match_lesions(before, after, IDENTITY, nearest_mm=11)] == ["vanished", "new"]


def test_two_that_grow_together_are_merged_and_one_that_falls_apart_is_split():
    apart, joined = [box(10, 10, 10), box(17, 10, 10)], [(slice(10, 22), slice(10, 15), slice(10, 15))]
    assert kinds(apart, joined) == [("merged", (1, 2), (1,))]
    assert kinds(joined, apart) == [("split", (1,), (1, 2))]


def test_new_and_vanished_lesions_are_told_from_those_out_of_reach():
    assert kinds([box(10, 10, 10)], [box(40, 30, 30)]) == [("vanished", (1,), ()), ("new", (), (1,))]
    far = np.eye(4)
    far[2, 3] = 60  # the second scan begins 60 mm higher
    assert kinds([box(10, 10, 1)], []) == [("vanished", (1,), ())]
    assert kinds([box(10, 10, 30)], [], far) == [("not covered", (1,), ())]
    assert kinds([], [box(10, 10, 1)], far) == [("not covered", (), (1,))]


def test_the_alignment_is_applied():
    moved = np.eye(4)
    moved[:3, 3] = 20, -10, 8
    shifted = moved @ AFFINE
    before, after = time_point([box(10, 10, 10)]), time_point([box(10, 10, 10)], affine=shifted)
    (found,) = match_lesions(before, after, moved)
    assert found.kind == "same"
    assert found.distance_mm == pytest.approx(0, abs=1e-6)


def test_a_touch_of_less_than_a_tenth_is_no_overlap():
    before = time_point([box(10, 10, 10), box(15, 15, 25, 8)])
    after = time_point([box(10, 10, 10), box(22, 22, 32, 6)])  # one voxel of 216 is shared
    assert [one.kind for one in match_lesions(before, after, IDENTITY)] == ["vanished", "same", "new"]


def test_nothing_matches_nothing():
    assert kinds([], []) == []


def test_changes_of_a_match_are_sums_of_volume_and_the_highest_uptake():
    before = time_point([box(10, 10, 10), box(17, 10, 10)], hot=[8.0, 12.0])
    after = time_point([(slice(10, 22), slice(10, 15), slice(10, 15))], hot=6.0)
    (match,) = match_lesions(before, after, IDENTITY)
    found = match_changes(before, after, match)
    assert (found["volume_ml"].before, found["volume_ml"].after) == pytest.approx((2.0, 2.4))
    assert (found["suv_max"].before, found["suv_max"].after) == (12.0, 6.0)
    assert found["suv_max"].percent == -50
    assert found["tlg"].before == pytest.approx(8 + 12)


def test_totals_without_a_lesion_are_zero_volume_and_no_uptake():
    found = total_changes(time_point([box(10, 10, 10)]), time_point([]))
    assert (found["lesions"].before, found["lesions"].after) == (1, 0)
    assert (found["volume_ml"].after, found["volume_ml"].percent) == (0, -100)
    assert (found["suv_max"].after, found["suv_max"].percent) == (None, None)
