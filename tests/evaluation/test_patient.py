"""The patient protocol."""

import math

import numpy as np
import pytest

from cipa.errors import DataError, UsageError
from cipa.evaluation.patient import METRICS, PatientProtocol
from cipa.evaluation.volume_scores import score_volume

SPACING = (3.0, 1.0, 1.0)
SPACINGS = dict.fromkeys(("0001", "0002", "0003", "0004"), SPACING)
EMPTY = np.zeros((40, 40), np.uint8)


def square(row, side=8):
    mask = EMPTY.copy()
    mask[row : row + side, 10 : 10 + side] = 1
    return mask


CASES = {
    "0001_004": (square(10), square(12)),
    "0001_001": (square(10), square(10)),
    "0001_002": (square(11), square(10)),
    "0002_007": (EMPTY, square(10)),
    "0003_001": (square(20), EMPTY),
    "0004_001": (EMPTY, EMPTY),
}


def scored(cases, **options):
    protocol = PatientProtocol(SPACINGS, **options)
    for slice_id, pair in cases.items():
        protocol.update(slice_id, *pair)
    return protocol.result()


def test_a_patient_is_its_slices_stacked_by_number_with_gaps_empty():
    row = scored(CASES).patients[0]
    order = ["0001_001", "0001_002", None, "0001_004"]
    prediction, truth = (
        np.stack([CASES[name][side] if name else EMPTY for name in order]) for side in (0, 1)
    )
    expected = score_volume(prediction, truth, SPACING)
    assert (row["patient"], row["slices"], row["gaps"]) == ("0001", 3, 1)
    assert (row["dice"], row["nsd"], row["hd95_mm"]) == (expected.dice, expected.nsd, expected.hd95_mm)
    assert row["lesions_true"] == 2


def test_the_order_of_the_slices_does_not_matter():
    assert scored(CASES).patients == scored(dict(reversed(CASES.items()))).patients


def test_empty_masks_stay_in_the_means_and_are_named():
    result = scored(CASES)
    assert result.of_case("missed") == ["0002"]
    assert result.of_case("unfounded") == ["0003"]
    assert result.of_case("empty") == ["0004"]
    dice = result.spreads["dice"]
    assert dice.patients == 4
    assert dice.mean.value == pytest.approx((result.patients[0]["dice"] + 0 + 0 + 1) / 4)
    assert math.isfinite(result.spreads["hd95_mm"].mean.value)
    assert result.without("lesion_precision") == ["0002", "0004"]
    assert result.spreads["lesion_precision"].patients == 2
    assert set(result.spreads) == set(METRICS)


def test_a_slice_given_again_replaces_the_first_even_after_a_result():
    protocol = PatientProtocol(SPACINGS)
    protocol.update("0001_001", EMPTY, square(10))
    assert protocol.result().patients[0]["dice"] == 0
    protocol.update("0001_001", square(10), square(10))
    assert protocol.result().patients[0]["dice"] == 1


def test_the_tolerance_reaches_nsd():
    pair = {"0001_001": (square(13), square(10))}
    assert scored(pair, tolerance=3).patients[0]["nsd"] == 1
    assert scored(pair, tolerance=1).patients[0]["nsd"] < 1


@pytest.mark.parametrize("tolerance", [-1, math.nan, math.inf])
def test_a_tolerance_that_is_none_is_a_usage_error(tolerance):
    with pytest.raises(UsageError, match="--tolerance"):
        PatientProtocol(SPACINGS, tolerance)


def test_slices_that_cannot_be_scored_are_named():
    protocol = PatientProtocol(SPACINGS)
    with pytest.raises(ValueError, match="0001_001"):
        protocol.update("0001_001", EMPTY, EMPTY[:3])
    with pytest.raises(KeyError, match="patient 0009"):
        protocol.update("0009_001", EMPTY, EMPTY)
    protocol.update("0001_a1", EMPTY, EMPTY)
    protocol.update("0001_b1", EMPTY, EMPTY)
    with pytest.raises(DataError, match="both slice 1"):
        protocol.result()


def test_a_whole_volume_scores_like_its_slices():
    truth, prediction = np.zeros((2, 5, 16, 16), bool)
    truth[1:3, 4:8, 4:8], prediction[1:4, 4:8, 5:9] = True, True
    sliced, whole = PatientProtocol({"a": (3.0, 1.0, 2.0)}), PatientProtocol()
    for number in range(5):
        sliced.update(f"a_{number}", prediction[number], truth[number])
    whole.score_patient("a", prediction, truth, (3.0, 1.0, 2.0))
    expected = sliced.result().patients
    assert expected[0]["slices_without_tumour"] == 3
    np.testing.assert_equal(whole.result().patients, expected)


def test_volumes_and_slices_stand_together_by_name():
    mask = np.ones((1, 4, 4), bool)
    protocol = PatientProtocol({"b": (1.0, 1.0, 1.0)})
    protocol.update("b_1", mask[0], mask[0])
    for name in ("c", "a"):
        protocol.score_patient(name, mask, mask, (1.0, 1.0, 1.0))
    assert [row["patient"] for row in protocol.result().patients] == ["a", "b", "c"]
