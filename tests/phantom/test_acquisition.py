import numpy as np
import pytest

from cipa.phantom.acquisition import Scanner, ct_slice, height_of, onto_ct_grid, pet_slices
from cipa.phantom.frame import draw_frame
from cipa.phantom.plane import SLICE_SPACING
from cipa.phantom.scene import Part
from cipa.phantom.shapes import Column, Ellipsoid

_NUMBERS = range(1, 76)


@pytest.fixture(scope="module")
def frame():
    return draw_frame(np.random.default_rng(0))


def _scanner(**changes) -> Scanner:
    quality = {"ct_noise": 20.0, "resolution": 4.8, "smoothing": 4.4, "counts": 1e6, "breathing": 0.0}
    return Scanner(**(quality | changes), key=(1, 2, 3))


def _spot(number: int) -> list[Part]:
    return [Part(Ellipsoid((0.0, 0.0, height_of(number)), (3.0, 3.0, 3.0)), 40.0, 100.0)]


def test_a_point_of_uptake_is_blurred_to_the_width_of_a_pet_scanner(frame):
    image = onto_ct_grid(pet_slices(_spot(30), _scanner(), frame, [30]), 512)[0]
    row = image[np.unravel_index(image.argmax(), image.shape)[0]]
    wide = (row > row.max() / 2).sum() * 500 / 512
    assert 6.0 < wide < 10.0  # 6.5 mm of blur, a ball of 6 mm and pixels of 4 mm


def test_breathing_moves_what_is_near_the_diaphragm_and_not_the_apex(frame):
    def shift(number: int) -> float:
        heights = []
        for breathing in (0.0, 9.0):
            image = pet_slices(_spot(number), _scanner(breathing=breathing), frame, list(_NUMBERS))
            weight = image.sum((1, 2))
            heights.append((weight * np.arange(len(weight))).sum() / weight.sum() * SLICE_SPACING)
        return heights[1] - heights[0]

    deep = int(frame.dome / SLICE_SPACING)
    assert abs(shift(8)) < 1.0
    assert 5.0 < shift(deep) < 12.0


def test_fewer_counts_give_a_noisier_pet_of_the_same_mean(frame):
    body = [Part(Column((-500, 500), (0.0, 0.0), (100.0, 100.0)), 40.0, 2.0)]
    centre = slice(50, 78)
    few, many = (
        pet_slices(body, _scanner(counts=counts), frame, [20, 21])[:, centre, centre] for counts in (4, 64)
    )
    assert few.mean() == pytest.approx(2.0, rel=0.04)
    assert few.std() == pytest.approx(4 * many.std(), rel=0.3)


def test_ct_noise_has_the_stated_spread_at_full_size(frame):
    body = [Part(Column((-500, 500), (0.0, 0.0), (100.0, 100.0)), 40.0, 2.0)]
    image = ct_slice(body, _scanner(), frame, 20, 512)[220:290, 220:290]
    assert image.mean() == pytest.approx(40.0, abs=2)
    assert image.std() == pytest.approx(20.0, rel=0.1)


def test_noise_depends_on_the_slice_and_not_on_its_neighbours(frame):
    body = [Part(Column((-500, 500), (0.0, 0.0), (100.0, 100.0)), 40.0, 2.0)]
    alone = pet_slices(body, _scanner(counts=5), frame, [20])[0]
    among = pet_slices(body, _scanner(counts=5), frame, [18, 20, 27])
    np.testing.assert_array_equal(alone, among[1])
    assert not np.array_equal(among[0], among[1])
