from itertools import permutations, product

import nibabel
import numpy as np
import pytest

from cipa.io.orientation import axial_stack, spacing

LPS = np.array([[-2.0, 0, 0, 10], [0, -3.0, 0, 20], [0, 0, 5.0, -30], [0, 0, 0, 1]])
"""File axes towards left, back and head: voxel (i, j, k) is column i, row j, slice k."""


def test_lps_file_becomes_slices_of_rows_of_columns():
    array = np.arange(24).reshape(2, 3, 4)
    stack, affine = axial_stack(array, LPS)
    assert np.array_equal(stack, array.transpose(2, 1, 0))
    assert nibabel.aff2axcodes(affine) == ("S", "P", "L")
    assert spacing(affine) == (5.0, 3.0, 2.0)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flips", list(product((1, -1), repeat=3)))
def test_every_order_and_direction_of_axes_gives_the_same_stack(order, flips):
    array = np.arange(24).reshape(2, 3, 4)
    expected, expected_affine = axial_stack(array, LPS)
    turn = np.column_stack([order, flips])
    turned = nibabel.apply_orientation(array, turn)
    turned_affine = LPS @ nibabel.orientations.inv_ornt_aff(turn, array.shape)
    stack, affine = axial_stack(turned, turned_affine)
    assert np.array_equal(stack, expected)
    assert np.allclose(affine, expected_affine)


def test_writing_into_the_stack_writes_into_the_volume():
    array = np.zeros((2, 3, 4), np.float32)
    stack, _ = axial_stack(array, LPS @ np.diag([-1, 1, -1, 1]))
    stack[0, 0, 0] = 7
    assert np.shares_memory(stack, array)
    assert array[1, 0, 3] == 7


def test_affine_of_the_stack_leads_to_the_same_world_point_for_oblique_grids():
    rotation = nibabel.eulerangles.euler2mat(0.2, -0.3, 0.15)
    affine = nibabel.affines.from_matvec(rotation @ LPS[:3, :3], [1, 2, 3])
    array = np.random.default_rng(0).normal(size=(5, 6, 7))
    stack, stack_affine = axial_stack(array, affine)
    where = np.unravel_index(array.argmax(), array.shape)
    where_in_stack = np.unravel_index(stack.argmax(), stack.shape)
    assert np.allclose(affine @ [*where, 1], stack_affine @ [*where_in_stack, 1])
