"""Lesions: what is one, what is found, what is made up."""

import math

import numpy as np
import pytest

from cipa.evaluation.lesions import LesionCounts, match_lesions


def volume(*boxes, shape=(8, 12, 12)):
    mask = np.zeros(shape, bool)
    for box in boxes:
        mask[box] = True
    return mask


ONE = np.s_[1:3, 1:3, 1:3]  # 8 voxels
TWO = np.s_[5:7, 6:9, 6:9]  # 18 voxels
FAR = np.s_[0:1, 10:12, 10:12]  # 4 voxels


def test_a_lesion_missed_and_one_made_up_are_counted_with_their_volumes():
    counts = match_lesions(prediction=volume(TWO, FAR), truth=volume(ONE, TWO))
    assert counts == LesionCounts(2, 1, 2, 1, missed_voxels=8, unfounded_voxels=4)
    assert (counts.sensitivity, counts.precision, counts.f1) == (0.5, 0.5, 0.5)


def test_any_shared_voxel_finds_a_lesion_and_its_other_voxels_are_no_missed_volume():
    corner = np.s_[2:3, 2:4, 2:4]  # one voxel of ONE and three beside it
    counts = match_lesions(prediction=volume(corner), truth=volume(ONE))
    assert counts == LesionCounts(1, 1, 1, 1, missed_voxels=0, unfounded_voxels=0)


def test_one_prediction_over_two_lesions_finds_both():
    counts = match_lesions(prediction=np.ones((8, 12, 12), bool), truth=volume(ONE, TWO))
    assert (counts.true, counts.found, counts.predicted, counts.right) == (2, 2, 1, 1)
    assert counts.f1 == 1


@pytest.mark.parametrize(
    ("second", "lesions"),
    [((1, 1, 2), 1), ((1, 2, 2), 1), ((2, 2, 2), 1), ((1, 1, 3), 2), ((3, 1, 1), 2)],
)
def test_voxels_touch_by_face_edge_or_corner(second, lesions):
    mask = volume((1, 1, 1), second)
    assert match_lesions(mask, mask).true == lesions


def test_f1_is_the_harmonic_mean():
    counts = LesionCounts(true=4, found=1, predicted=2, right=1, missed_voxels=0, unfounded_voxels=0)
    assert counts.f1 == pytest.approx(2 * 0.25 * 0.5 / 0.75)


def test_what_has_no_lesion_to_count_is_undefined_and_f1_never_is():
    nothing, tumour = volume(), volume(ONE)
    empty, missed = match_lesions(nothing, nothing), match_lesions(nothing, tumour)
    unfounded = match_lesions(tumour, nothing)
    assert math.isnan(empty.sensitivity)
    assert math.isnan(empty.precision)
    assert math.isnan(missed.precision)
    assert math.isnan(unfounded.sensitivity)
    assert (missed.sensitivity, unfounded.precision) == (0, 0)
    assert (empty.f1, missed.f1, unfounded.f1) == (1, 0, 0)
    assert (missed.missed_voxels, unfounded.unfounded_voxels) == (8, 8)
