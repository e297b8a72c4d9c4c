import numpy as np
import pytest

from cipa.phantom.plane import STRAIGHT, Plane, Warp
from cipa.phantom.shapes import Clipped, Column, Ellipsoid, Rigid
from cipa.phantom.tubes import Tube


def test_ellipsoid_has_its_volume(volume_of):
    shape = Ellipsoid((3.0, -7.0, 2.0), (20.0, 14.0, 25.0))
    assert volume_of(shape) == pytest.approx(4 / 3 * np.pi * 20 * 14 * 25 / 1000, rel=0.02)


def test_turned_ellipsoid_keeps_its_volume(volume_of):
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    shape = Ellipsoid((3.0, -7.0, 2.0), (20.0, 14.0, 25.0), axes)
    assert volume_of(shape) == pytest.approx(4 / 3 * np.pi * 20 * 14 * 25 / 1000, rel=0.02)


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 0, 1), (0.6, 0.2, 0.775)])
def test_tube_of_one_link_has_the_volume_of_a_capsule(volume_of, direction):
    end = 30 * np.array(direction) / np.linalg.norm(direction)
    shape = Tube(np.array([[0.0, 0, 0], end]), np.array([8.0, 8.0]))
    assert volume_of(shape) == pytest.approx((np.pi * 64 * 30 + 4 / 3 * np.pi * 512) / 1000, rel=0.02)


def test_column_has_the_area_of_an_ellipse():
    plane = Plane(512, 0.0, STRAIGHT)
    ((_, share),) = Column((-10, 10), (5.0, 5.0), (60.0, 40.0)).patches(plane)
    assert share.sum() * plane.pixel**2 == pytest.approx(np.pi * 60 * 40, rel=0.005)


def test_a_squarer_column_fills_more_of_its_corners():
    plane = Plane(256, 0.0, STRAIGHT)
    areas = [
        sum(s.sum() for _, s in Column((-10, 10), (0.0, 0.0), (60.0, 40.0), square=q).patches(plane))
        for q in (0.0, 0.3, 0.6)
    ]
    assert areas[0] < areas[1] < areas[2]


def test_column_ends_with_its_knots():
    column = Column((0, 100), (0.0, 0.0), (10.0, 10.0))
    assert not list(column.patches(Plane(128, -1.0, STRAIGHT)))
    assert not list(column.patches(Plane(128, 101.0, STRAIGHT)))


def test_column_grows_with_height_between_knots():
    column = Column((0, 100), (0.0, (10.0, 30.0)), ((20.0, 40.0), 10.0))
    np.testing.assert_allclose(column.section(25.0), [0, 15, 25, 10])
    np.testing.assert_allclose(column.grown(-5).section(25.0), [0, 15, 20, 5])


@pytest.mark.parametrize("square", [0.0, 0.4])
@pytest.mark.parametrize("angle", [0.0, 0.7, 2.0, 4.0])
def test_the_rim_of_a_column_is_half_covered(square, angle):
    column = Column((-10, 10), (0.0, 0.0), (60.0, 40.0), square=square)
    plane = Plane(1024, 0.0, STRAIGHT)
    x, y = column.rim(0.0, angle)
    cover = column.cover(plane, plane.whole)
    row, col = np.argmin(np.abs(plane.axis - y)), np.argmin(np.abs(plane.axis - x))
    assert 0.05 < cover[row - 1 : row + 2, col - 1 : col + 2].mean() < 0.95


def test_clipped_shape_stays_inside():
    ball, half = Ellipsoid((0, 0, 0), (30.0, 30.0, 30.0)), Column((-99, 99), (-50.0, 0.0), (50.0, 80.0))
    plane = Plane(256, 0.0, STRAIGHT)
    canvas = np.zeros((256, 256))
    for box, share in Clipped(ball, half).patches(plane):
        canvas[box] = share
    assert canvas[:, 130:].max() == 0
    assert canvas[128, 118] == 1


def test_warp_bends_patients_but_not_the_couch():
    column = Column((-10, 10), (0.0, 0.0), (60.0, 40.0))
    bent = Plane(128, 0.0, Warp(np.random.default_rng(1), amplitude=6.0))
    straight = Plane(128, 0.0, STRAIGHT)
    (box_a, share_a), (box_b, share_b) = next(Rigid(column).patches(bent)), next(column.patches(straight))
    assert box_a == box_b
    np.testing.assert_array_equal(share_a, share_b)
    assert not np.allclose(column.cover(bent, bent.whole), column.cover(straight, straight.whole))


def test_a_shape_is_found_whole_however_the_warp_shifts_it():
    ball = Ellipsoid((0, 0, 0), (40.0, 40.0, 40.0))
    plane = Plane(256, 0.0, Warp(np.random.default_rng(2), amplitude=5.0))
    ((_, share),) = ball.patches(plane)
    edges = np.concatenate([share[0], share[-1], share[:, 0], share[:, -1]])
    assert edges.max() == 0
