"""Which segments or ROIs are meant by names and patterns, and where a mask of another grid lies on the CT."""

import numpy as np
import pytest

from cipa.errors import DataError
from cipa.io.dicom.objects.regions import Regions, choose_regions, mask_to_grid
from cipa.io.volume import Volume

NAMES = ["GTV-1", "gtv-2", "Lung left", "GTV*"]


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["GTV-1"], [0]),
        (["gtv-1"], [0]),
        (["GTV-?"], [0, 1]),
        (["gtv*"], [0, 1, 3]),
        (["GTV[*]"], [3]),
        (["Lung left", "GTV-1"], [0, 2]),
        (["GTV-1", "gtv-*"], [0, 1]),
        (["*"], [0, 1, 2, 3]),
    ],
)
def test_names_and_patterns_choose_in_the_order_of_the_file(wanted, chosen):
    assert choose_regions(NAMES, wanted, "ROI") == chosen


def test_the_only_one_needs_no_name():
    assert choose_regions(["tumour"], [], "segment") == [0]


@pytest.mark.parametrize(
    ("names", "wanted", "line"),
    [
        ([], [], "holds no ROI; draw the tumour, or leave the patient out"),
        (NAMES, [], r"4 ROIs \(GTV-1, gtv-2, Lung left, GTV\*\); say with --region which are tumour"),
        (NAMES, ["Heart"], "no ROI is called 'Heart', but GTV-1, gtv-2"),
        (NAMES, ["GTV-1", "Heart"], "no ROI is called 'Heart'"),  # one that is there does not hide it
        ([str(n) for n in range(20)], [], r"20 ROIs \(0, 1, 2, 3, 4, 5, 6, 7, \.\.\.\)"),
    ],
)
def test_what_is_not_clear_is_refused_with_the_names_there_are(names, wanted, line):
    with pytest.raises(DataError, match=line):
        choose_regions(names, wanted, "ROI")


def test_regions_are_joined_where_they_overlap():
    one, other = np.array([1, 1, 0], bool), np.array([0, 1, 0], bool)
    assert Regions(("a", "b"), (one, other)).join().tolist() == [True, True, False]


def ct(shape=(12, 10, 8), step=2.0, origin=(0.0, 0.0, 0.0)):
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = origin
    return Volume(np.zeros(shape, np.int16), affine)


def box():
    mask = np.zeros((12, 10, 8), bool)
    mask[3:6, 2:5, 1:4] = True
    return mask


def test_a_mask_on_the_ct_s_own_grid_comes_back_as_it_is():
    assert np.array_equal(mask_to_grid(box(), ct().affine, ct()), box())


def test_a_mask_whose_axes_run_the_other_way_lies_where_it_did():
    flipped = ct().affine @ np.array([[-1, 0, 0, 11], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    assert np.array_equal(mask_to_grid(box()[::-1], flipped, ct()), box())


def test_a_mask_of_a_part_of_the_ct_lies_where_it_was_drawn():
    part = box()[2:8, 1:7]
    affine = ct().affine.copy()
    affine[:3, 3] = (4.0, 2.0, 0.0)
    assert np.array_equal(mask_to_grid(part, affine, ct()), box())


def test_a_finer_mask_takes_the_nearest_voxel():
    fine = np.repeat(np.repeat(np.repeat(box(), 2, 0), 2, 1), 2, 2)
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = -0.5
    assert np.array_equal(mask_to_grid(fine, affine, ct()), box())


@pytest.mark.parametrize("shift", [(500.0, 0.0, 0.0), (0.0, 0.0, -500.0)])
def test_a_mask_elsewhere_is_empty_here(shift):
    affine = ct().affine.copy()
    affine[:3, 3] = shift
    assert not mask_to_grid(box(), affine, ct()).any()


def test_an_empty_mask_is_empty_here():
    assert not mask_to_grid(np.zeros((4, 4, 4), bool), np.eye(4), ct()).any()


def test_the_memory_order_is_that_of_the_ct():
    found = mask_to_grid(box(), ct().affine, Volume(np.asfortranarray(ct().array), ct().affine))
    assert found.flags.f_contiguous
