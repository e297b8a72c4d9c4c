import numpy as np
from matplotlib.path import Path

from cipa.io.dicom.objects.winding import winding_numbers


def test_a_star_shaped_polygon_is_filled_as_matplotlib_does():
    rng = np.random.default_rng(1)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 80))
    radii = rng.uniform(3, 12, 80)
    points = np.c_[15.3 + radii * np.cos(angles), 12.2 + radii * np.sin(angles)]
    centres = np.stack(np.meshgrid(np.arange(31), np.arange(25), indexing="ij"), -1).reshape(-1, 2)
    expected = Path(points).contains_points(centres).reshape(31, 25)
    for polygon in (points, points[::-1]):
        found = winding_numbers(polygon, (31, 25))
        assert np.array_equal(found != 0, expected)
        assert len(np.unique(found)) == 2


def test_a_line_walked_there_and_back_changes_nothing_even_through_centres():
    square = np.array([[1, 1], [8, 1], [8, 8], [1, 8]]) + 0.5
    spur = np.array([[1.5, 1.5], [5, 6], [3.7, 2.2], [5, 6], [1.5, 1.5]])
    with_spur = np.concatenate([spur, square[1:]])
    assert np.array_equal(winding_numbers(with_spur, (10, 10)), winding_numbers(square, (10, 10)))


def test_what_lies_beyond_the_slice_is_cut():
    found = winding_numbers(np.array([[-5.5, -5.5], [4.5, -5.5], [4.5, 99], [-5.5, 99]]), (8, 6))
    assert np.array_equal(np.abs(found), np.repeat([1, 1, 1, 1, 1, 0, 0, 0], 6).reshape(8, 6))


def test_a_bow_tie_winds_both_ways_and_a_double_loop_twice():
    bow = np.array([[0.5, 0.5], [8.5, 8.5], [8.5, 0.5], [0.5, 8.5]])
    assert set(np.unique(winding_numbers(bow, (10, 10)))) == {-1, 0, 1}
    square = np.array([[1.5, 1.5], [6.5, 1.5], [6.5, 6.5], [1.5, 6.5]])
    assert set(np.unique(np.abs(winding_numbers(np.tile(square, (2, 1)), (10, 10))))) == {0, 2}
