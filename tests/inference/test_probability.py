import numpy as np
import pytest

from cipa.inference.probability import from_bytes, to_bytes


@pytest.mark.parametrize("threshold", [0.004, 0.2, 0.5, 0.6, 0.65, 0.7, 0.8, 0.999])
def test_bytes_reach_the_threshold_exactly_where_the_probability_does(threshold):
    near = threshold + np.linspace(-0.004, 0.004, 4001)
    values = np.clip(np.concatenate([near, np.linspace(0, 1, 4001)]), 0, 1).astype(np.float32)
    mask = (values >= threshold).view(np.uint8)
    stored = to_bytes(values, mask, threshold)
    assert stored.dtype == np.uint8
    np.testing.assert_array_equal(from_bytes(stored) >= threshold, mask > 0)
    assert np.abs(from_bytes(stored) - values).max() <= 1 / 255 + 1e-6


def test_bytes_away_from_the_threshold_are_rounded():
    values = np.array([0.0, 0.1, 0.9, 1.0], np.float32)
    stored = to_bytes(values, np.array([0, 0, 1, 1], np.uint8), 0.5)
    assert stored.tolist() == [0, 26, 230, 255]
    assert from_bytes(stored).dtype == np.float32
