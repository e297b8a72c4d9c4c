"""Organs of the neck that take up FDG and are no tumour."""

import numpy as np

from cipa.phantom.frame import draw_frame
from cipa.phantom.neck import draw_neck


def _neck(seed):
    rng = np.random.default_rng(seed)
    return draw_neck(rng, draw_frame(rng))


def test_every_organ_of_the_neck_has_its_like_on_the_other_side():
    parts = [(part.shape.centre, part.suv) for part in _neck(0)]
    left = sorted((abs(x), y, z, suv) for (x, y, z), suv in parts if x < 0)
    right = sorted((abs(x), y, z, suv) for (x, y, z), suv in parts if x > 0)
    assert left == right
    assert len(left) + len(right) == len(parts)


def test_the_neck_lies_above_the_lungs_and_takes_up_no_more_than_tonsils_do():
    for seed in range(20):
        for part in _neck(seed):
            assert part.shape.centre[2] < 0
            assert 0 < part.suv <= 10.0


def test_uptake_differs_from_patient_to_patient():
    assert {part.suv for part in _neck(0)} != {part.suv for part in _neck(1)}
