import numpy as np
import pytest
from nibabel.affines import from_matvec

from cipa.data.tumour import tumour_on_ct
from cipa.errors import DataError
from cipa.io.checks import VolumeWarning
from cipa.io.volume import Volume

GRID = from_matvec(np.diag([-1.0, -1.0, 3.0]), [9.0, 8.0, 0.0])
CT = Volume(np.zeros((10, 9, 8), np.int16), GRID)


def mask(values=(1,), affine=GRID, dtype=np.uint8):
    array = np.zeros(CT.shape, dtype)
    for place, value in enumerate(values):
        array[2 + 2 * place : 4 + 2 * place, 3:6, 2:5] = value
    return Volume(array, affine, name="mask.nii")


@pytest.mark.parametrize(
    ("value", "dtype"), [(1, np.uint8), (255, np.uint8), (1.0, np.float32), (-3, np.int16)]
)
def test_whatever_is_not_0_is_tumour(value, dtype):
    volume = mask((value,), dtype=dtype)
    assert np.array_equal(tumour_on_ct(volume, CT), volume.array != 0)


def test_of_several_labels_one_is_chosen():
    volume = mask((1, 2))
    assert np.array_equal(tumour_on_ct(volume, CT, label=2), volume.array == 2)
    with pytest.raises(DataError, match=r"several values \(1, 2\).*--label"):
        tumour_on_ct(volume, CT)
    with pytest.raises(DataError, match="no voxel has label 7, but 1, 2"):
        tumour_on_ct(volume, CT, label=7)


def test_a_probability_map_is_no_mask():
    with pytest.raises(DataError, match=r"0\.5, which is no label"):
        tumour_on_ct(mask((0.25, 0.5), dtype=np.float32), CT)


def test_an_empty_mask_is_refused():
    with pytest.raises(DataError, match="empty mask"):
        tumour_on_ct(mask(()), CT)


def test_another_grid_goes_to_the_nearest_voxel_with_a_warning_of_the_volumes():
    coarse = np.zeros((5, 5, 8), np.uint8)
    coarse[1:3, 2:4, 2:5] = 1
    affine = GRID @ from_matvec(np.diag([2.0, 2.0, 1.0]), [0.5, 0.5, 0.0])  # voxels of 2 x 2 of the CT's
    with pytest.warns(VolumeWarning, match=r"0\.14 mL of tumour became 0\.14 mL"):
        found = tumour_on_ct(Volume(coarse, affine, name="m"), CT)
    expected = np.zeros(CT.shape, bool)
    expected[2:6, 4:8, 2:5] = True
    assert np.array_equal(found, expected)


def test_a_mask_whose_axes_are_turned_is_the_same_to_the_voxel_and_no_warning():
    volume = mask()
    turned = volume.array[::-1].transpose(2, 0, 1)
    axes = from_matvec(np.array([[0, -1, 0], [0, 0, 1], [1, 0, 0]]), [9, 0, 0])
    found = tumour_on_ct(Volume(turned, GRID @ axes, name="m"), CT)
    assert np.array_equal(found, volume.array != 0)


@pytest.mark.parametrize("shift", [(0.4, 0, 0), (1, 0, 0)])
def test_a_mask_that_is_turned_and_shifted_is_warned_of(shift):
    volume = mask()
    axes = from_matvec(np.diag([-1.0, 1, 1]), np.array([9, 0, 0]) + shift)
    with pytest.warns(VolumeWarning, match="not on the grid of the CT"):
        tumour_on_ct(Volume(volume.array[::-1], GRID @ axes, name="m"), CT)


def test_a_tumour_outside_the_ct_is_refused():
    away = GRID.copy()
    away[0, 3] += 500
    with pytest.raises(DataError, match="outside the CT"):
        tumour_on_ct(mask(affine=away), CT)


def test_labels_stored_as_floats_are_rounded_before_they_are_compared():
    volume = mask((1.0,), dtype=np.float32)
    volume.array[2, 3, 2] = 0.9999999
    for label in (None, 1):
        assert np.array_equal(tumour_on_ct(volume, CT, label), volume.array != 0)


@pytest.mark.parametrize("value", [0.4, 1e30])
def test_what_is_no_label_is_refused(value):
    with pytest.raises(DataError, match="whole numbers"):
        tumour_on_ct(mask((value,), dtype=np.float32), CT)
