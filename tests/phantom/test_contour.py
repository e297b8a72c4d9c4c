"""The rim of a tumour that PET shows and a reader outlines."""

from dataclasses import replace

import numpy as np
import pytest

from cipa.phantom.acquisition import draw_scanner, height_of
from cipa.phantom.contour import REACH_MM, with_rims
from cipa.phantom.frame import draw_frame
from cipa.phantom.plane import FIELD_OF_VIEW, STRAIGHT
from cipa.phantom.scene import Part
from cipa.phantom.shapes import Ellipsoid

SIZE, NUMBERS, RADIUS = 128, range(20, 41), 15.0
PIXEL = FIELD_OF_VIEW / SIZE


@pytest.fixture
def scene():
    """Soft tissue, a frame without warp, and a scanner."""
    rng = np.random.default_rng(0)
    frame = replace(draw_frame(rng), warp=STRAIGHT)
    tissue = Part(Ellipsoid((0.0, 0.0, 0.0), (400.0, 400.0, 900.0)), 40.0, 1.0)
    return frame, replace(draw_scanner(rng, (0,)), breathing=0.0), tissue


def _ball(suv):
    return Part(Ellipsoid((0.0, 0.0, height_of(30)), (RADIUS,) * 3), 40.0, suv)


def _outlines():
    axis = (np.arange(SIZE) + 0.5) * PIXEL - FIELD_OF_VIEW / 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    masks = {
        number: (x**2 + y**2 + (height_of(number) - height_of(30)) ** 2 < RADIUS**2).astype(np.uint8)
        for number in NUMBERS
    }
    return {number: mask for number, mask in masks.items() if mask.any()}


def _rims(scene, suv, others=()):
    frame, scanner, tissue = scene
    ball = _ball(suv)
    return with_rims(_outlines(), [tissue, *others, ball], [ball], scanner, frame, NUMBERS)


def _area(masks):
    return sum(int(mask.sum()) for mask in masks.values())


def test_a_hot_tumour_is_outlined_wider_than_its_mass_but_not_beyond_reach(scene):
    outlines, rims = _outlines(), _rims(scene, 20.0)
    assert _area(rims) > 1.3 * _area(outlines)
    assert all((rims[number] >= mask).all() for number, mask in outlines.items())
    across = rims[30].any(0).sum() * PIXEL
    assert 2 * RADIUS < across <= 2 * (RADIUS + REACH_MM) + 2 * PIXEL


def test_the_hotter_the_tumour_the_wider_its_rim(scene):
    areas = [_area(_rims(scene, suv)) for suv in (2.0, 6.0, 20.0)]
    assert areas[0] == _area(_outlines())  # its blurred uptake stays below SUV 2.5
    assert areas[0] < areas[1] < areas[2]


def test_uptake_of_an_organ_beside_the_tumour_is_no_rim(scene):
    bed = Part(Ellipsoid((RADIUS + 25.0, 0.0, height_of(30)), (24.0, 60.0, 60.0)), 40.0, 9.0)
    alone, beside = _rims(scene, 6.0), _rims(scene, 6.0, (bed,))
    right = slice(SIZE // 2 + round((RADIUS + 2) / PIXEL), None)
    left = slice(None, SIZE // 2)
    assert beside[30][:, right].sum() <= alone[30][:, right].sum() + 3
    assert beside[30][:, left].sum() >= alone[30][:, left].sum()


def test_nothing_to_outline_has_no_rim(scene):
    frame, scanner, tissue = scene
    assert with_rims({}, [tissue], [], scanner, frame, NUMBERS) == {}
