import numpy as np
import pytest

from cipa.io.grid import resample
from cipa.io.orientation import axial_stack
from cipa.io.volume import Volume
from cipa.lesions.labelling import label_lesions
from cipa.lesions.measure import mean_probability, measure_lesions

# oblique, and with columns, rows and slices along other axes than the world's
AFFINE = np.array([[0, -2.0, 0.3, 40], [1.5, 0, 0.2, -30], [0.1, 0, 3.0, 7], [0, 0, 0, 1]])


def measured(mask, pet_on_ct, affine=AFFINE, pet=None, probability=None):
    mask = mask.astype(np.uint8)
    labels, _ = label_lesions(mask)
    values, marks = (
        axial_stack(one, affine)[0] for one in (mask if probability is None else probability, mask)
    )
    marked = [value[mark > 0].astype(np.float32) for value, mark in zip(values, marks, strict=True)]
    means = mean_probability(labels, mask, marked, affine)
    own = Volume(pet_on_ct, affine) if pet is None else pet
    suv = axial_stack(pet_on_ct.astype(np.float32), affine)[0]
    return measure_lesions(labels, means, affine, own, lambda run: suv[run])


def test_numbers_of_a_lesion_by_hand():
    mask, suv, probability = np.zeros((12, 10, 8)), np.ones((12, 10, 8)), np.zeros((12, 10, 8), np.float32)
    mask[2:4, 5, 6] = 1
    suv[2, 5, 6], suv[3, 5, 6] = 4, 8
    probability[2, 5, 6], probability[3, 5, 6] = 0.5, 1
    (lesion,) = measured(mask, suv, probability=probability)
    voxel = abs(np.linalg.det(AFFINE[:3, :3])) / 1000
    assert lesion.volume_ml == pytest.approx(2 * voxel)
    assert (lesion.voxels, lesion.suv_max, lesion.suv_mean, lesion.probability) == (2, 8, 6, 0.75)
    assert lesion.tlg == pytest.approx(12 * voxel)
    x, y, z = (AFFINE @ [2.5, 5, 6, 1])[:3]
    assert lesion.centroid_mm == pytest.approx((-x, -y, z))
    assert lesion.slices == (6, 6)
    assert lesion.row()["centroid_p_mm"] == pytest.approx(-y)


def test_slices_are_counted_from_the_feet_whatever_the_axes_do():
    mask = np.zeros((6, 6, 10))
    mask[3, 3, 1:3] = 1
    down = np.diag([1.0, 1.0, -3.0, 1.0])
    assert measured(mask, mask, down)[0].slices == (7, 8)


def test_suv_max_is_that_of_the_pet_voxel_and_not_flattened_by_interpolation():
    coarse = np.diag([4.0, 4.0, 4.0, 1.0])
    fine = np.diag([1.4, 1.4, 1.4, 1.0])
    own = np.zeros((8, 8, 8), np.float32)
    own[3, 3, 3] = 10
    on_ct = resample(own, coarse, fine, (20, 20, 20))
    assert on_ct.max() < 10
    mask = on_ct > 4
    assert measured(mask, on_ct, fine, Volume(own, coarse))[0].suv_max == 10


def test_a_lesion_smaller_than_a_pet_voxel_takes_what_is_interpolated():
    own = np.full((3, 3, 3), 2.0, np.float32)
    mask, suv = np.zeros((30, 30, 30)), np.full((30, 30, 30), 3.0)
    mask[4, 4, 4] = 1
    lesion = measured(mask, suv, np.diag([1.0, 1, 1, 1]), Volume(own, np.diag([10.0, 10, 10, 1])))[0]
    assert (lesion.suv_max, lesion.suv_mean) == (3, 3)


def test_pet_s_own_highest_voxel_is_found_on_any_grid():
    """As on the whole grid of PET: turned against the CT's, larger than it, and coarse."""
    turn = np.array([[0.98, -0.17, 0.1], [0.17, 0.98, 0.0], [-0.1, 0.0, 0.99]])
    coarse = np.eye(4)
    coarse[:3, :3], coarse[:3, 3] = turn @ np.diag([3.0, -2.5, 4.0]), (-6, 42, -9)
    fine = np.diag([1.1, 1.3, 2.0, 1.0])
    rng = np.random.default_rng(0)
    own = rng.random((20, 22, 18), dtype=np.float32)
    mask = np.zeros((30, 28, 16), np.uint8)
    for corner in ((0, 0, 0), (8, 9, 3), (20, 3, 9), (22, 20, 12), (3, 18, 0)):
        mask[tuple(slice(start, start + size) for start, size in zip(corner, (6, 5, 4), strict=True))] = 1
    labels, count = label_lesions(mask)
    suv = np.zeros(axial_stack(mask, fine)[0].shape, np.float32)
    found = measure_lesions(labels, np.zeros(count + 1), fine, Volume(own, coarse), lambda run: suv[run])
    owner = resample(labels, fine, coarse, own.shape, nearest=True)
    expected = [own[owner == number].max(initial=0) for number in range(1, count + 1)]
    assert [lesion.suv_max for lesion in found] == pytest.approx(expected)
    assert min(expected) > 0
