import numpy as np
import pytest

from cipa.report.canvas import Frame
from cipa.report.pet_style import (
    FUSED_OPACITY,
    HOT,
    LUNG_WINDOW,
    SOFT_TISSUE_WINDOW,
    SUV_TOP,
    ct_picture,
    fused_picture,
    outlines,
    pet_picture,
)

FRAME = Frame(0, 0, 100, 100, (0.0, 50.0, 50.0, 0.0))


def test_ct_and_pet_are_windowed_as_the_titles_say():
    low, high = LUNG_WINDOW
    hu = np.array([[low - 500, (low + high) / 2, high + 500]])
    assert ct_picture(hu, (3, 1)).tolist() == [[0, 128, 255]]
    suv = np.array([[0.0, SUV_TOP / 2, 3 * SUV_TOP]])
    assert pet_picture(suv, (3, 1)).tolist() == [[255, 128, 0]]


def test_uptake_is_interpolated_and_not_its_grey():
    """What is black for its uptake stays black as far as that uptake reaches."""
    suv = np.array([[0.0, 10 * SUV_TOP]])
    row = pet_picture(suv, (200, 1))[0]
    assert (row[:50] == 255).all()
    assert np.flatnonzero(row == 0)[0] < 65  # a tenth of the way from centre to centre


def test_the_fused_picture_is_ct_without_uptake_and_hot_with_it():
    hu, suv = np.full((4, 4), 40.0), np.zeros((4, 4))
    grey = ct_picture(hu, (4, 4), SOFT_TISSUE_WINDOW)
    cold = fused_picture(hu, suv, (4, 4))
    assert np.array_equal(cold, np.repeat(grey[..., None], 3, axis=2))
    hot = fused_picture(hu, suv + SUV_TOP, (4, 4))
    yellow = 255 * HOT[-1] * FUSED_OPACITY
    assert hot[0, 0] == pytest.approx(grey[0, 0] * (1 - FUSED_OPACITY) + yellow, abs=1)
    warm = fused_picture(hu, suv + SUV_TOP / 2, (4, 4)).astype(int)[0, 0]
    assert warm[0] > warm[1] > warm[2]  # orange


def test_ct_stays_visible_however_hot_the_pet_is():
    hu = np.linspace(*SOFT_TISSUE_WINDOW, 16).reshape(4, 4)
    burning = fused_picture(hu, np.full((4, 4), 40 * SUV_TOP), (4, 4)).astype(int)
    assert np.ptp(burning[..., 2]) > 100
    assert np.ptp(burning[..., 1]) > 100
    assert burning[..., 2].max() < 200  # yellow, not white


def test_an_outline_runs_between_the_voxels_and_is_closed():
    inside = np.zeros((50, 50), bool)
    inside[10:20, 30:40] = True
    (line,) = outlines(inside, FRAME.extent, FRAME)
    assert line.min(axis=0) == pytest.approx([60, 20])  # 30 mm and 10 mm, two pixels a mm
    assert line.max(axis=0) == pytest.approx([80, 40])
    assert np.array_equal(line[0], line[-2])
    assert outlines(~np.ones_like(inside), FRAME.extent, FRAME) == []


def test_an_outline_is_closed_where_the_mask_meets_the_border():
    (line,) = outlines(np.ones((50, 50)), FRAME.extent, FRAME)
    assert line.min(axis=0) == pytest.approx([0, 0])
    assert line.max(axis=0) == pytest.approx([100, 100])
