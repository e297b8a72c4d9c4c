"""The published protocol: pooling, HD95 of empty masks, merging of processes."""

import itertools
import math
import pickle

import numpy as np
import pytest

from cipa.evaluation.hd95 import hd95
from cipa.evaluation.published import PublishedProtocol, slice_hd95


def square(row: int, column: int, side: int, size: int = 64) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[row : row + side, column : column + side] = 1
    return mask


EMPTY = np.zeros((64, 64), np.uint8)

SLICES = {
    "0001_010": (square(10, 10, 4), square(10, 12, 4)),  # tp 8, fp 8, fn 8
    "0001_011": (square(10, 10, 6), square(10, 10, 6)),  # tp 36
    "0002_003": (EMPTY, square(40, 40, 2)),  # missed: fn 4
    "0002_004": (square(30, 30, 1), square(30, 30, 2)),  # tp 1, fn 3
}


def scored(ids=SLICES) -> PublishedProtocol:
    protocol = PublishedProtocol()
    for slice_id in ids:
        protocol.update(slice_id, *SLICES[slice_id])
    return protocol


def test_pixels_are_pooled_over_slices_before_any_ratio():
    result = scored().result()
    tp, fp, fn, pixels = 45, 8, 15, 4 * 64 * 64
    assert result.iou == pytest.approx(tp / (tp + fp + fn))
    assert result.dice == pytest.approx(2 * tp / (2 * tp + fp + fn))
    tn = pixels - tp - fp - fn
    assert result.acc == pytest.approx((tp / (tp + fn) + tn / (tn + fp)) / 2)


def test_hd95_is_averaged_over_slices_with_the_stand_in_pixel_for_a_miss():
    result = scored().result()
    stand_in = np.zeros((64, 64), bool)
    stand_in[32, 32] = True
    each = [hd95(*SLICES["0001_010"]), 0.0, hd95(stand_in, SLICES["0002_003"][1]), hd95(*SLICES["0002_004"])]
    assert result.hd95 == pytest.approx(sum(each) / 4)
    assert result.missed == ["0002_003"]


def test_stand_in_is_pixel_256_256_of_a_published_slice():
    truth = square(256, 266, 1, size=512)
    assert slice_hd95(np.zeros((512, 512), bool), truth) == 10.0


def test_stand_in_pixel_is_not_counted_as_predicted():
    prediction = EMPTY.copy()
    protocol = PublishedProtocol()
    protocol.update("1_1", prediction, square(0, 0, 3))
    (row,) = protocol.result().slices
    assert (row["tp"], row["fp"], row["fn"], row["prediction_px"]) == (0, 0, 9, 0)
    assert not prediction.any()


def test_both_empty_is_distance_zero():
    assert slice_hd95(EMPTY, EMPTY) == 0.0


def test_prediction_without_truth_is_left_out_of_the_mean_and_named():
    protocol = scored()
    before = protocol.result()
    protocol.update("0003_001", square(5, 5, 3), EMPTY)
    after = protocol.result()
    assert after.unfounded == ["0003_001"]
    assert after.hd95 == before.hd95
    assert math.isnan(after.slices[-1]["hd95"])
    assert after.dice < before.dice  # its false positives count among the pixels


def test_rows_a_slice_and_a_patient():
    result = scored().result()
    assert [row["slice"] for row in result.slices] == sorted(SLICES)
    first = result.slices[0]
    assert (first["patient"], first["tp"], first["fp"], first["fn"]) == ("0001", 8, 8, 8)
    assert (first["truth_px"], first["prediction_px"]) == (16, 16)
    assert [(row["patient"], row["slices"]) for row in result.patients] == [("0001", 2), ("0002", 2)]
    assert result.patients[0]["dice"] == pytest.approx(88 / (88 + 16))
    assert result.patients[0]["hd95"] == pytest.approx((hd95(*SLICES["0001_010"]) + 0) / 2)


@pytest.mark.parametrize("order", list(itertools.permutations(SLICES)))
def test_result_does_not_depend_on_order(order):
    assert scored(order).result() == scored().result()


def test_processes_merge_to_the_result_of_one():
    ids = list(SLICES)
    first, second = scored(ids[:3]), scored(ids[2:])  # a padded sampler gives one slice to both
    first.merge(pickle.loads(pickle.dumps(second)))
    assert first.result() == scored().result()


def test_a_slice_given_twice_counts_once():
    protocol = scored()
    protocol.update("0001_010", *SLICES["0001_010"])
    assert protocol.result() == scored().result()


def test_without_surfaces_only_the_distance_is_missing():
    protocol = PublishedProtocol(surfaces=False)
    for slice_id, pair in SLICES.items():
        protocol.update(slice_id, *pair)
    result = protocol.result()
    assert math.isnan(result.hd95)
    assert result.dice == scored().result().dice


def test_nothing_scored_is_nan():
    result = PublishedProtocol().result()
    assert math.isnan(result.dice)
    assert math.isnan(result.hd95)
    assert result.slices == result.patients == []


@pytest.mark.parametrize("shape", [(1, 64, 64), (64, 32)])
def test_masks_of_other_shapes_are_refused_by_id(shape):
    with pytest.raises(ValueError, match="0007_001"):
        PublishedProtocol().update("0007_001", np.zeros(shape, bool), EMPTY)
