"""A trunk of simple shapes: lungs above, and below them hot spots where kidneys and other things lie."""

import numpy as np
import pytest

from cipa.io.volume import Volume
from cipa.lesions.body import body_of
from cipa.lesions.kidneys import split_kidneys
from cipa.lesions.measure import Lesion

EDGE = 5.0
SHAPE = (84, 60, 100)
AFFINE = np.array([[-EDGE, 0, 0, 210.0], [0, -EDGE, 0, 150.0], [0, 0, EDGE, -350.0], [0, 0, 0, 1]])
"""The middle of the patient at x = y = 0; the lungs end at z = 0."""
KIDNEYS = ((60.0, 30.0, -80.0), (-64.0, 32.0, -95.0))


def trunk(hot, lungs=True, flip=False):
    """Return CT and PET with spots of SUV 12 at places (x to the left, y to the back, z), mm."""
    index = np.indices(SHAPE).astype(float)
    x, y, z = (AFFINE[a, 3] + AFFINE[a, a] * index[a] for a in range(3))
    left, back = -x, -y
    ct = np.where((left / 170) ** 2 + (back / 110) ** 2 < 1, 40.0, -1000.0)
    suv = np.where(ct > 0, 1.0, 0.0)
    if lungs:
        for side in (-85, 85):
            ct[((left - side) / 65) ** 2 + (back / 80) ** 2 + ((z - 75) / 75) ** 6 < 1] = -800.0
    for place in hot:
        suv[(left - place[0]) ** 2 + (back - place[1]) ** 2 + (z - place[2]) ** 2 < 12**2] = 12.0
    affine = AFFINE.copy()
    if flip:
        ct, suv = ct[::-1], suv[::-1]
        affine[0] = [EDGE, 0, 0, AFFINE[0, 3] + AFFINE[0, 0] * (SHAPE[0] - 1)]
    return Volume(ct.astype(np.float32), affine), Volume(suv.astype(np.float32), affine)


def mark(place, volume_ml=7.0):
    return Lesion(1, 100, volume_ml, 12.0, 6.0, 8.0, 42.0, place, (3, 8), 0.9)


def kept_of(marks, hot, **kind):
    body = body_of(*trunk(hot, **kind))
    kept, left_out = split_kidneys([mark(*one) if len(one) == 2 else mark(one) for one in marks], body)
    assert len(kept) + len(left_out) == len(marks)
    return [lesion.centroid_mm for lesion in kept], left_out


@pytest.mark.parametrize("flip", [False, True])
def test_both_kidneys_are_left_out_and_listed(flip):
    kept, left_out = kept_of(KIDNEYS, KIDNEYS, flip=flip)
    assert kept == []
    assert [one.centroid_mm for one in left_out] == list(KIDNEYS)
    assert {one.reason for one in left_out} == {"kidney: hot on both sides of the spine, below the lungs"}
    assert [(one.volume_ml, one.suv_max, one.slices) for one in left_out] == [(7.0, 12.0, (3, 8))] * 2


def test_one_marked_kidney_is_left_out_too():
    assert kept_of(KIDNEYS[:1], KIDNEYS)[0] == []


def test_what_has_no_twin_stays():
    assert kept_of(KIDNEYS[:1], KIDNEYS[:1])[0] == [KIDNEYS[0]]


@pytest.mark.parametrize(
    "place",
    [
        pytest.param((35.0, 20.0, -50.0), id="adrenal glands"),
        pytest.param((60.0, -75.0, -80.0), id="bowel in front"),
        pytest.param((60.0, 30.0, 60.0), id="lower lobes"),
        pytest.param((130.0, 30.0, -80.0), id="flanks"),
        pytest.param((60.0, 30.0, -320.0), id="far below"),
    ],
)
def test_twins_where_no_kidney_lies_stay(place):
    pair = (place, (-place[0], *place[1:]))
    assert kept_of(pair, pair)[0] == list(pair)


def test_what_is_larger_than_a_kidney_stays():
    assert kept_of([(KIDNEYS[0], 251.0)], KIDNEYS)[0] == [KIDNEYS[0]]


def test_where_no_lungs_are_seen_all_stay():
    assert kept_of(KIDNEYS, KIDNEYS, lungs=False)[0] == list(KIDNEYS)


def test_without_a_pet_or_a_ct_all_stay():
    ct, pet = trunk(KIDNEYS)
    for given in ((ct, None), (None, pet)):
        assert len(split_kidneys([mark(place) for place in KIDNEYS], body_of(*given))[0]) == 2
