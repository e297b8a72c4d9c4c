import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cipa.errors import DataError, UsageError
from cipa.inference.followup.alignment import align
from cipa.inference.result import Prediction
from cipa.io.volume import Volume

SHAPE, EDGE = (72, 56, 56), 5.0
AFFINE = np.diag([-EDGE, -EDGE, EDGE, 1.0])
AFFINE[:3, 3] = EDGE * SHAPE[0] / 2, EDGE * SHAPE[1] / 2, -EDGE * SHAPE[2] / 2


def ball(points, centre, radii):
    return (((points - centre) / radii) ** 2).sum(axis=-1) < 1


def torso(moved=None, couch=0.0, seed=0):
    """A chest with lungs, heart, spine and liver on a couch; `moved` is what became of the body."""
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    seen = index @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    back = np.eye(4) if moved is None else np.linalg.inv(moved)
    points = seen @ back[:3, :3].T + back[:3, 3]
    hu = np.full(SHAPE, -1000.0)
    x, y, z = np.moveaxis(points, -1, 0)
    hu[((x / (150 + z / 10)) ** 2 + (y / (100 - z / 20)) ** 2 < 1) & (np.abs(z) < 180)] = 30
    for side in (-1, 1):
        hu[ball(points, (70 * side, 10, 40), (50, 65, 110))] = -800
    hu[ball(points, (-15, 30, -10), (45, 40, 50))] = 50
    hu[ball(points, (50, 10, -120), (90, 70, 60))] = 90
    hu[((x**2 + (y + 70) ** 2) < 20**2) & (np.abs(z) < 180)] = 280
    hu[np.abs(seen[..., 1] + 125 + couch) < 8] = 0
    hu += np.random.default_rng(seed).normal(0, 15, SHAPE)
    ct = Volume(hu.astype(np.int16), AFFINE)
    blank = np.zeros(SHAPE, np.float32)
    labels = np.zeros(SHAPE, np.uint16)
    return Prediction(
        labels.astype(np.uint8), None, labels, ct, Volume(blank, AFFINE), [], facts={"study": "x"}
    )


def rigid(angles, shift):
    found = np.eye(4)
    found[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    found[:3, 3] = shift
    return found


CORNERS = np.array([[x, y, z, 1] for x in (-100, 100) for y in (-60, 60) for z in (-100, 100)])


def test_a_moved_and_turned_body_is_found_though_the_couch_stays():
    pytest.importorskip("SimpleITK")
    moved = rigid((3, -2, 4), (12, -9, 60))
    found = align(torso(), torso(moved, couch=10, seed=1))
    errors = np.linalg.norm(CORNERS @ (found.matrix - moved).T, axis=1)
    assert errors.max() < 3
    assert found.correlation > 0.9
    assert "CTs aligned rigidly" in found.how


def test_cts_that_do_not_fit_are_refused():
    pytest.importorskip("SimpleITK")
    other = torso()
    rng = np.random.default_rng(0)
    other.ct.array[...] = np.where(rng.random(SHAPE) > 0.5, 30, -1000)
    with pytest.raises(DataError, match="the CTs do not fit each other: correlation"):
        align(torso(), other)


def test_studies_that_are_aligned_already_are_taken_as_they_lie(monkeypatch):
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    one = torso()
    assert np.array_equal(align(one, one, is_aligned=True).matrix, np.eye(4))
    with pytest.raises(UsageError, match=r"pip install 'cipa\[compare\]'"):
        align(one, one)
