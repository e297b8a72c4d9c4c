import numpy as np
import pytest

from cipa.io.aligned import SliceSampler
from cipa.io.grid import resample

SHAPE = (9, 21, 17)


def sampled(source, source_affine, affine):
    sampler = SliceSampler(source, source_affine, affine, SHAPE)
    runs = [slice(0, 4), slice(4, 9)]
    return np.concatenate([sampler(run) for run in runs]), sampler.is_aligned


def turned(degrees):
    turn, (cos, sin) = np.eye(4), (np.cos(np.radians(degrees)), np.sin(np.radians(degrees)))
    turn[1:3, 1:3] = [[cos, -sin], [sin, cos]]
    return turn


@pytest.mark.parametrize(
    ("step", "offset"),
    [
        ((1.0, 1.0, 1.0), (0, 0, 0)),
        ((0.7, 0.21, 0.3), (0.2, -1.1, 1.3)),  # beyond the rim on one side
        ((2.0, 1.5, 1.3), (-3, 0, -0.4)),  # coarser than the source, beyond it on both
        ((-0.7, -0.21, 0.3), (5, 4, 0)),  # run against each other
    ],
)
@pytest.mark.parametrize("degrees", [0, 30])  # oblique both
def test_values_are_those_of_the_general_interpolation(step, offset, degrees):
    source = np.random.default_rng(0).normal(size=(6, 8, 7)).astype(np.float32)
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = offset
    source_affine, affine = turned(degrees), turned(degrees) @ affine
    found, is_aligned = sampled(source, source_affine, affine)
    assert is_aligned
    assert found.dtype == np.float32
    assert np.allclose(found, resample(source, source_affine, affine, SHAPE), atol=2e-6)


def test_grids_that_lie_askew_take_the_general_way():
    source = np.random.default_rng(0).integers(0, 99, (6, 8, 7)).astype(np.int16)
    found, is_aligned = sampled(source, np.eye(4), turned(1) @ np.diag([0.5, 0.4, 0.4, 1]))
    assert not is_aligned
    assert np.allclose(found, resample(source, np.eye(4), turned(1) @ np.diag([0.5, 0.4, 0.4, 1]), SHAPE))


def test_the_same_grid_gives_the_very_values():
    source = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    assert np.array_equal(sampled(source, turned(30), turned(30))[0], source)


def test_a_source_of_one_slice():
    source = np.full((1, 8, 7), 3, np.float32)
    found, _ = sampled(source, np.eye(4), np.diag([0.2, 0.1, 0.1, 1.0]))
    assert np.allclose(found[:3], 3)
    assert not found[3:].any()
