import numpy as np
import pytest

from cipa.evaluation.operating_point import LEVELS, choose_operating_point, quantise, score_grid
from cipa.evaluation.volume_dice import VolumeDice


def patient(speck=0.0, tumour=0.7, rim=0.0):
    """A cube of 4 x 4 x 4, a rim about it, and a speck of two voxels far away, by their probabilities."""
    probability, truth = np.zeros((12, 20, 20), np.float32), np.zeros((12, 20, 20), bool)
    probability[3:9, 3:9, 3:9] = rim
    probability[4:8, 4:8, 4:8] = tumour
    truth[4:8, 4:8, 4:8] = True
    probability[10, 15, 15:17] = speck
    return probability, truth


def choose(*patients, voxel_ml=0.02):
    return choose_operating_point([score_grid(quantise(p), truth, voxel_ml) for p, truth in patients])


def test_a_threshold_lies_above_the_rim_and_below_the_tumour():
    point = choose(patient(rim=0.42))
    assert 0.42 < point.threshold <= 0.7
    assert (point.dice, point.fp_ml, point.smallest_ml) == (1.0, 0.0, 0.0)


def test_a_false_speck_as_sure_as_the_tumour_is_left_out_by_its_size():
    point = choose(patient(speck=0.95), patient())
    assert (point.dice, point.fp_ml, point.smallest_ml) == (1.0, 0.0, 0.1)


def test_without_a_spacing_the_threshold_alone_is_chosen():
    point = choose(patient(speck=0.95), voxel_ml=float("nan"))
    assert point.smallest_ml == 0.0
    assert np.isnan(point.fp_ml)
    assert point.dice == pytest.approx(2 * 64 / (64 + 66))


def test_a_patient_without_tumour_counts_whole_where_nothing_is_marked():
    empty = np.zeros((3, 8, 8), np.float32), np.zeros((3, 8, 8), bool)
    assert choose(empty).dice == 1.0


def test_a_grid_is_what_counting_voxels_gives():
    draw = np.random.default_rng(0)
    probability, truth = draw.random((6, 9, 9)).astype(np.float32), draw.random((6, 9, 9)) > 0.6
    grid = score_grid(quantise(probability), truth, 0.0)
    mask = quantise(probability) >= LEVELS // 2
    assert grid.dice[8, 0] == pytest.approx(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))


def test_whole_volumes_are_scored_by_patient_and_merge():
    spacings = {"a": (1.0, 1.0, 1.0), "b": (10.0, 10.0, 10.0)}
    whole, other = VolumeDice(spacings), VolumeDice(spacings)
    tumour, none = np.pad(np.ones((2, 2), bool), 3), np.zeros((8, 8), bool)
    for number in range(3):
        whole.update(f"a_{number}", tumour, tumour)
        other.update(f"b_{number}", tumour if number == 2 else none, none)
    whole.merge(other)
    result = whole.result()
    assert result.dice == pytest.approx((1 + 0) / 2)
    assert result.fp_ml == pytest.approx(4 / 2)
