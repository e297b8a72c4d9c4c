import numpy as np
from matplotlib.path import Path

from cipa.io.dicom.objects.outlines import outline_slice


def fill(polygons, shape):
    """Fill polygons as one even-odd rule over all says, by the centres of pixels, with another library."""
    centres = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 2)
    inside = np.zeros(len(centres), bool)
    for polygon in polygons:
        inside ^= Path(polygon, closed=False).contains_points(centres)
    return inside.reshape(shape)


def test_random_masks_come_back_pixel_for_pixel():
    rng = np.random.default_rng(0)
    for density in (0.1, 0.5, 0.7, 0.95, 1.0):
        mask = rng.random((23, 17)) < density
        assert np.array_equal(fill(outline_slice(mask), mask.shape), mask)


def test_a_hole_is_part_of_the_polygon_about_it_and_an_island_is_its_own():
    mask = np.zeros((20, 20), bool)
    mask[2:18, 2:18] = True
    mask[5:15, 5:15] = False
    mask[8:11, 8:11] = True
    polygons = outline_slice(mask)
    assert len(polygons) == 2
    assert np.array_equal(fill(polygons, mask.shape), mask)


def test_bridges_to_many_holes_leave_each_of_them_a_hole():
    mask = np.ones((40, 40), bool)
    mask[3:-3:5, 3:-3:5] = False
    (polygon,) = outline_slice(mask)
    assert np.array_equal(fill([polygon], mask.shape), mask)


def test_straight_edges_have_no_points_between_their_ends():
    mask = np.zeros((30, 30), bool)
    mask[5:25, 5:25] = True
    (polygon,) = outline_slice(mask)
    assert len(polygon) == 8  # marching squares cut the corners


def test_nothing_has_no_outline():
    assert outline_slice(np.zeros((4, 4), bool)) == []
