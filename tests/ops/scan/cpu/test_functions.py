import numpy as np
import pytest
from numba import njit

from cipa.ops.scan.cpu import functions
from cipa.ops.scan.cpu.simd import LANES, load, store, totals


def over_array(function):
    """Apply a function of sixteen lanes to a whole array."""

    @njit
    def apply(values, results):
        for start in range(0, values.size, LANES):
            store(results, start, function(load(values, start)))

    def run(values):
        results = np.full_like(values, np.nan)
        apply(values, results)
        return results.astype(np.float64)

    return run


@pytest.mark.parametrize(
    ("function", "truth", "low", "high", "bound"),
    [
        (functions.exp2, np.exp2, -126, 127, 2e-7),
        (functions.softplus, lambda x: np.logaddexp(0, x), -80, 80, 4e-7),
        (functions.sigmoid, lambda x: 1 / (1 + np.exp(-x)), -80, 80, 4e-7),
    ],
    ids=["exp2", "softplus", "sigmoid"],
)
def test_error_against_float64(function, truth, low, high, bound):
    values = np.concatenate(
        [np.linspace(low, high, 1 << 16), np.linspace(-1, 1, 1 << 14), np.zeros(LANES)]
    ).astype(np.float32)
    expected = truth(values.astype(np.float64))
    error = np.abs(over_array(function)(values) / expected - 1)
    if function is functions.exp2:
        assert error.max() < bound
    else:  # the argument of the exponential is itself rounded: an error that grows with |x|
        assert (error < bound + np.abs(values) * 1.2e-7).all()


def test_exp2_far_below_the_smallest_number_is_almost_zero():
    values = np.full(LANES, -np.inf, np.float32)
    assert (over_array(functions.exp2)(values) < 2e-38).all()


def test_softplus_passes_nan_on():
    assert np.isnan(over_array(functions.softplus)(np.full(LANES, np.nan, np.float32))).all()


def test_totals_sums_each_sixteen():
    @njit
    def add(values, results):
        store(results, 0, totals(values, LANES))

    values = np.arange(17 * LANES, dtype=np.float32)
    results = np.empty(LANES, np.float32)
    add(values, results)
    np.testing.assert_array_equal(results, values[LANES:].reshape(LANES, LANES).sum(1))
