import numpy as np
import pytest

from cipa.lesions.suv_peak import FEW_VOXELS, TILE, highest_mean, millilitre_sphere

EDGES = (3.0, 1.3, 1.0)


def expected(suv, mask, edges=EDGES):
    """The definition, point by point."""
    points = np.stack(np.meshgrid(*map(np.arange, suv.shape), indexing="ij"), -1) * edges
    return max(
        suv[np.linalg.norm(points - points[tuple(where)], axis=-1) <= 6.2035049].mean(dtype=np.float64)
        for where in np.argwhere(mask)
    )


def peak(suv, mask, edges=EDGES):
    whole = tuple(slice(0, length) for length in suv.shape)
    return highest_mean(suv, whole, mask, millilitre_sphere(edges))


@pytest.mark.parametrize("size", [2, 9])  # few voxels, and enough for a convolution
@pytest.mark.parametrize("corner", [(0, 0, 10), (4, 12, 19)])  # at the rim of the image, and inside
def test_peak_is_the_highest_mean_of_a_millilitre_about_a_voxel_of_the_lesion(size, corner):
    suv = np.random.default_rng(3).random((16, 28, 30)).astype(np.float32)
    mask = np.zeros(suv.shape, bool)
    mask[tuple(slice(first, first + size) for first in corner)] = True
    assert (mask.sum() > FEW_VOXELS) == (size == 9)
    assert peak(suv, mask) == pytest.approx(expected(suv, mask), rel=1e-6)


@pytest.mark.parametrize("hot", [(2, 3, 60), (16, 66, 70)])  # in the first tile and in the last
def test_peak_of_a_lesion_of_several_tiles_is_found_in_any_of_them(hot):
    suv = np.random.default_rng(1).normal(size=(18, 70, 75)).astype(np.float32)
    assert all(length > tile for length, tile in zip(suv.shape, TILE, strict=True))
    suv[tuple(slice(max(0, middle - 2), middle + 3) for middle in hot)] += 8
    near = np.zeros(suv.shape, bool)
    near[tuple(slice(max(0, middle - 3), middle + 4) for middle in hot)] = True
    assert peak(suv, np.ones(suv.shape, bool)) == pytest.approx(expected(suv, near), rel=1e-6)


def test_peak_of_a_uniform_lesion_is_its_value():
    assert peak(np.full((10, 20, 20), 5.0), np.ones((10, 20, 20), bool)) == pytest.approx(5)


def test_peak_below_zero_is_a_peak():
    assert peak(np.full((10, 20, 20), -0.1), np.ones((10, 20, 20), bool)) == pytest.approx(-0.1)


def test_a_sphere_holds_a_millilitre():
    assert millilitre_sphere((0.5, 0.5, 0.5)).sum() / 8000 == pytest.approx(1, rel=0.01)
