"""The grid that slices make: sorted along their normal, sheared or not, or one line on why there is none."""

import numpy as np
import pytest
from pydicom.dataset import Dataset

from cipa.io.dicom.geometry import has_place, stack_slices

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def header(position, orientation=AXIAL, spacing=(2.0, 1.5)):
    one = Dataset()
    one.ImagePositionPatient = list(position)
    one.ImageOrientationPatient = list(orientation)
    one.PixelSpacing = list(spacing)
    return one


def slices(heights, shear=0.0):
    return [header((10.0, 20.0 + shear * height, height)) for height in heights]


def corner(stack, column, row, number):
    """World millimetres, RAS+, of a voxel."""
    return (stack.affine @ [column, row, number, 1.0])[:3]


def test_slices_are_sorted_along_the_normal_whatever_their_order():
    stack = stack_slices(slices([9.0, 0.0, 6.0, 3.0]))
    assert stack.order == (1, 3, 2, 0)
    assert stack.problems == ()


def test_the_affine_takes_columns_rows_and_slices_to_ras():
    stack = stack_slices(slices([0.0, 3.0, 6.0]))
    np.testing.assert_allclose(corner(stack, 0, 0, 0), (-10.0, -20.0, 0.0))
    np.testing.assert_allclose(
        corner(stack, 1, 0, 0), (-11.5, -20.0, 0.0)
    )  # between columns: the second value
    np.testing.assert_allclose(corner(stack, 0, 1, 0), (-10.0, -22.0, 0.0))
    np.testing.assert_allclose(corner(stack, 0, 0, 2), (-10.0, -20.0, 6.0))


def test_a_tilted_gantry_shears_the_grid():
    stack = stack_slices(slices([0.0, 3.0, 6.0], shear=0.25))
    np.testing.assert_allclose(corner(stack, 0, 0, 2), (-10.0, -21.5, 6.0))


def test_coronal_slices_are_sorted_from_front_to_back():
    fronts = [header((0.0, y, 0.0), CORONAL) for y in (4.0, 0.0, 2.0)]
    stack = stack_slices(fronts)
    assert stack.order == (1, 2, 0)
    np.testing.assert_allclose(corner(stack, 0, 1, 0), (0.0, 0.0, -2.0))


@pytest.mark.parametrize("off", [0.0, 0.14])
def test_table_wear_and_rounding_are_even(off):
    assert stack_slices(slices([0.0, 3.0 + off, 6.0, 9.0])).problems == ()


@pytest.mark.parametrize(
    ("heights", "line"),
    [
        ([0.0], "one slice alone, whose thickness is not known"),
        ([0.0, 3.0, 3.0, 6.0], "1 of 4 slices lie where another does"),
        ([0.0, 3.0, 3.005, 6.0], "1 of 4 slices lie where another does"),
        ([0.0, 3.0, 9.0, 12.0], "slices are missing (about 1), the first between 3.00 and 9.00 mm"),
        ([0.0, 3.0, 12.0, 15.0], "slices are missing (about 2)"),
        ([0.0, 3.0, 6.4, 9.0, 12.0], "uneven spacing: a slice is 0.40 mm off the even grid of"),
    ],
)
def test_slices_that_make_no_even_grid_say_why(heights, line):
    stack = stack_slices(slices(heights))
    assert stack.affine is None
    assert len(stack.problems) == 1
    assert line in stack.problems[0]


def test_a_slice_that_lies_beside_the_line_of_the_others_is_found():
    found = slices([0.0, 3.0, 6.0, 9.0])
    found[2].ImagePositionPatient = [13.0, 20.0, 6.0]
    assert "uneven spacing" in stack_slices(found).problems[0]


def test_two_slices_are_a_stack():
    stack = stack_slices(slices([5.0, 0.0]))
    assert stack.order == (1, 0)
    np.testing.assert_allclose(corner(stack, 0, 0, 1), (-10.0, -20.0, 5.0))


def test_a_whole_header_has_a_place():
    assert has_place(header((0.0, 0.0, 0.0)))


@pytest.mark.parametrize(
    "changes",
    [
        {"ImagePositionPatient": None},
        {"ImagePositionPatient": [0.0, 0.0]},
        {"ImageOrientationPatient": None},
        {"ImageOrientationPatient": [1.0, 0.0, 0.0]},
        {"ImageOrientationPatient": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]},
        {"ImageOrientationPatient": [1.0, 0.0, 0.0, 0.5, 0.866, 0.0]},
        {"ImageOrientationPatient": [2.0, 0.0, 0.0, 0.0, 1.0, 0.0]},
        {"PixelSpacing": None},
        {"PixelSpacing": [2.0, 0.0]},
        {"PixelSpacing": [2.0, -1.0]},
    ],
)
def test_a_header_with_a_part_missing_or_impossible_has_none(changes):
    one = header((0.0, 0.0, 0.0))
    for name, value in changes.items():
        setattr(one, name, value)
    assert not has_place(one)
