import nibabel
import numpy as np
import pytest

from cipa.io.grid import overlap, resample, resample_slices, same_grid

ROTATION = nibabel.eulerangles.euler2mat(0.4, -0.2, 0.3)
OBLIQUE = nibabel.affines.from_matvec(ROTATION @ np.diag([4.0, 4.0, 3.0]), [-40.0, 12.0, 5.0])


def plane_in_world(affine, shape):
    """Values linear in world coordinates: linear interpolation must find them exactly."""
    points = nibabel.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))
    return points @ [0.3, -0.7, 1.1] + 50


def test_linear_field_is_exact_between_oblique_grids():
    source = plane_in_world(OBLIQUE, (20, 18, 16)).astype(np.float32)
    centre = OBLIQUE @ [10, 9, 8, 1]
    offset = np.array([-5.0, -5.0, 8.0])
    target_affine = nibabel.affines.from_matvec(np.diag([-1.0, -1.0, 2.0]), centre[:3] - offset)
    result = resample(source, OBLIQUE, target_affine, (10, 10, 8))
    assert np.allclose(result, plane_in_world(target_affine, (10, 10, 8)), atol=1e-3)


def test_same_grid_is_unchanged():
    source = np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32)
    assert np.array_equal(resample(source, OBLIQUE, OBLIQUE, source.shape), source)


def test_agrees_with_nibabel():
    from nibabel.processing import resample_from_to

    source = np.random.default_rng(0).normal(size=(9, 9, 9)).astype(np.float32)
    inner = OBLIQUE @ nibabel.affines.from_matvec(np.diag([0.5, 0.6, 0.7]), [2.0, 1.5, 1.0])
    theirs = resample_from_to(nibabel.Nifti1Image(source, OBLIQUE), ((8, 8, 8), inner), order=1)
    assert np.allclose(resample(source, OBLIQUE, inner, (8, 8, 8)), theirs.get_fdata(), atol=1e-4)


def test_a_hair_beyond_the_outermost_centre_is_not_blank():
    source = np.full((3, 3, 3), 7.0, np.float32)
    shifted = nibabel.affines.from_matvec(np.eye(3), [-0.02, 0, 0])
    assert np.all(resample(source, np.eye(4), shifted, (3, 3, 3)) == 7)


def test_beyond_half_a_voxel_is_outside():
    source = np.full((3, 3, 3), 7.0, np.float32)
    result = resample(
        source, np.eye(4), nibabel.affines.from_matvec(np.eye(3), [-1.6, 0, 0]), (6, 1, 1), -5.0
    )
    assert result.ravel().tolist() == [-5, -5, 7, 7, 7, -5]


def test_integers_are_interpolated_as_numbers():
    source = np.array([[[0]], [[1]]], dtype=np.int16)
    half = nibabel.affines.from_matvec(np.diag([0.25, 1, 1]), [0, 0, 0])
    assert resample(source, np.eye(4), half, (5, 1, 1)).ravel().tolist() == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(("shift", "part"), [(0, 1.0), (5, 0.5), (100, 0.0)])
def test_overlap_is_the_covered_part_of_the_target(shift, part):
    shifted = nibabel.affines.from_matvec(np.eye(3), [shift, 0, 0])
    assert overlap(np.eye(4), (10, 8, 6), shifted, (10, 8, 6)) == pytest.approx(part)


def test_overlap_of_a_large_grid_is_sampled_to_its_ends():
    fine = np.diag([0.1, 0.1, 0.1, 1.0])
    assert overlap(np.eye(4), (6, 10, 10), fine, (100, 100, 1)) == pytest.approx(0.55, abs=1 / 32)


def test_nearest_keeps_labels_whole():
    source = np.random.default_rng(0).integers(0, 3, (6, 5, 4)).astype(np.uint8)
    shifted = OBLIQUE @ nibabel.affines.from_matvec(np.eye(3), [0.4, -0.4, 0.3])
    assert np.array_equal(resample(source, OBLIQUE, shifted, source.shape, nearest=True), source)


def test_a_run_of_slices_is_that_part_of_the_whole():
    source = np.random.default_rng(0).normal(size=(9, 9, 9)).astype(np.float32)
    inner = OBLIQUE @ nibabel.affines.from_matvec(np.diag([0.5, 0.6, 0.7]), [2.0, 1.5, 1.0])
    run = resample_slices(source, OBLIQUE, inner, (8, 7, 6), slice(3, 5))
    assert run.shape == (2, 7, 6)
    assert np.allclose(run, resample(source, OBLIQUE, inner, (8, 7, 6))[3:5], atol=1e-5)


@pytest.mark.parametrize(
    ("shift", "shape", "same"),
    [(0.0, (9, 8, 7), True), (0.005, (9, 8, 7), True), (0.02, (9, 8, 7), False), (0.0, (8, 9, 7), False)],
)
def test_grids_are_the_same_when_every_voxel_coincides(shift, shape, same):
    moved = OBLIQUE.copy()
    moved[1, 3] += shift
    assert same_grid(OBLIQUE, (9, 8, 7), moved, shape) is same


def test_the_last_voxel_counts_too():
    stretched = OBLIQUE @ np.diag([1.01, 1.0, 1.0, 1.0])
    assert not same_grid(OBLIQUE, (9, 8, 7), stretched, (9, 8, 7))
