"""Slices of a patient as a volume."""

import numpy as np
import pytest

from cipa.errors import DataError
from cipa.evaluation.stack import slice_indices, stack_slices


def test_places_go_by_number_and_keep_gaps():
    assert slice_indices(["0001_012", "0001_9", "0001_010"]) == [3, 0, 1]


def test_a_gap_is_an_empty_slice():
    full = np.ones((2, 3), bool)
    volume = stack_slices([full, full], [3, 0])
    assert volume.shape == (4, 2, 3)
    assert volume.any(axis=(1, 2)).tolist() == [True, False, False, True]


def test_two_slices_of_one_number_are_named():
    with pytest.raises(DataError, match="0001_a3 and 0001_b3 are both slice 3"):
        slice_indices(["0001_a3", "0001_b3"])


def test_numbers_that_are_no_places_are_refused_before_memory_is():
    with pytest.raises(DataError, match="patient 0001: slices 1 to 900000"):
        slice_indices(["0001_000001", "0001_900000"])
