import numpy as np
import pytest

from cipa.io.orientation import axial_stack
from cipa.lesions.body import Body
from cipa.lesions.labelling import label_lesions
from cipa.lesions.measure import Lesion
from cipa.lesions.plausibility import (
    LeftOut,
    Limits,
    cut_at_body,
    split_by_size,
    split_by_uptake,
    warnings_of,
)

AFFINE = np.array([[-2.0, 0, 0, 10], [0, -2.0, 0, 20], [0, 0, 3.0, -5], [0, 0, 0, 1]])
"""Columns to the left, rows to the back, slices to the head: an axial slice is `array[:, :, k].T`."""


def body(columns, shape=(20, 16, 10)):
    """Return a patient who fills some columns of every axial slice."""
    cells = np.zeros(shape[::-1], bool)
    cells[:, :, columns] = True
    return Body(cells, (1, 1, 1), np.eye(4))


def marks(*boxes, shape=(20, 16, 10), order="C"):
    mask = np.zeros(shape, np.uint8, order=order)
    for box in boxes:
        mask[tuple(slice(*side) for side in box)] = 1
    return mask, label_lesions(mask)[0]


def lesion(number, suv_max, volume_ml=2.0):
    return Lesion(number, 10, volume_ml, suv_max, 1.0, 1.0, 1.0, (1.0, 2.0, 3.0), (4, 5), 0.9)


@pytest.mark.parametrize("order", ["C", "F"])
def test_marks_outside_the_body_are_taken_away_and_listed_with_place_and_volume(order):
    mask, labels = marks([(2, 6), (3, 5), (4, 6)], [(15, 17), (8, 10), (1, 2)], order=order)
    suv = np.zeros((10, 16, 20), np.float32)
    suv[1, 9, 16] = 0.02
    cut, left_out = cut_at_body(labels, AFFINE, body(slice(0, 12)), lambda run: suv[run])
    expected = mask.copy()
    expected[15:17] = 0
    np.testing.assert_array_equal(cut, expected)
    assert (cut.dtype, cut.strides) == (mask.dtype, mask.strides)
    (one,) = left_out
    assert (one.reason, one.slices) == ("outside the body", (1, 1))
    assert one.volume_ml == pytest.approx(4 * 0.012)
    assert one.suv_max == pytest.approx(0.02)
    x, y, z = (AFFINE @ [15.5, 8.5, 1, 1])[:3]
    assert one.centroid_mm == pytest.approx((-x, -y, z))


def test_of_a_lesion_across_the_skin_only_the_part_outside_is_taken_away():
    mask, labels = marks([(8, 14), (3, 5), (4, 6)])
    cut, (one,) = cut_at_body(labels, AFFINE, body(slice(0, 12)), None)
    assert cut.sum() == mask.sum() * 4 // 6
    assert one.reason == "part of a lesion outside the body"
    assert (one.suv_max, one.volume_ml) == (None, pytest.approx(8 * 0.012))


def test_a_mask_within_the_body_is_not_copied():
    _, labels = marks([(2, 6), (3, 5), (4, 6)])
    assert cut_at_body(labels, AFFINE, body(slice(0, 12)), None) == (None, [])


def test_small_and_short_lesions_are_left_out_with_the_limit_as_the_reason():
    _, labels = marks([(0, 10), (0, 4), (0, 1)], [(0, 4), (10, 12), (3, 7)], [(15, 17), (8, 10), (2, 5)])
    kept, left_out = split_by_size(labels, AFFINE, Limits(smallest_ml=0.2, shortest_mm=6.0))
    assert kept == [2]
    assert [one.reason for one in left_out] == ["spans less than 6 mm across slices", "smaller than 0.2 mL"]
    assert [one.slices for one in left_out] == [(0, 0), (2, 4)]
    assert split_by_size(labels, AFFINE, Limits()) == ([1, 2, 3], [])


def test_lesions_without_uptake_are_left_out_and_those_without_suv_are_not():
    found = [lesion(1, 8.0), lesion(2, 0.02), lesion(3, None)]
    kept, left_out = split_by_uptake(found, Limits(min_suv=1.0))
    assert kept == [found[0], found[2]]
    assert left_out == [LeftOut(2.0, 0.02, "no uptake: SUVmax below 1", (1.0, 2.0, 3.0), (4, 5))]
    assert split_by_uptake(found, Limits())[1] == []


def test_what_was_left_out_as_implausible_is_a_warning_and_a_small_speck_is_not():
    place = ((0.0, 0.0, 0.0), (0, 1))
    left_out = [
        LeftOut(11.2, 0.01, "outside the body", *place),
        LeftOut(2.9, 0.02, "outside the body", *place),
        LeftOut(0.5, 0.4, "no uptake: SUVmax below 1", *place),
        LeftOut(0.1, 3.0, "smaller than 0.2 mL", *place),
    ]
    assert warnings_of([], left_out) == [
        "left out: 2 marks, 14.10 mL, outside the body",
        "left out: 1 mark, 0.50 mL, no uptake: SUVmax below 1",
    ]


def test_a_lesion_no_hotter_than_blood_is_a_warning():
    assert warnings_of([lesion(1, 8.0), lesion(2, None)], []) == []
    (one,) = warnings_of([lesion(1, 8.0), lesion(2, 1.5)], [])
    assert one == "lesion 2 has SUVmax below 2, about that of blood: tumour?"
    (several,) = warnings_of([lesion(1, 1.2), lesion(2, 1.5)], [])
    assert several.startswith("lesions 1, 2 have SUVmax below 2")


def test_a_row_has_the_names_that_rows_of_lesions_have():
    row = LeftOut(1.0, None, "outside the body", (1.0, 2.0, 3.0), (4, 5)).row()
    assert set(row) - {"reason"} <= set(lesion(1, 2.0).row())
    assert (row["centroid_l_mm"], row["last_slice"]) == (1.0, 5)
    assert axial_stack(np.zeros((20, 16, 10)), AFFINE)[0].shape == (10, 16, 20)
