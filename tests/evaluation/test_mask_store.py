"""Compressed masks come back as they were."""

import numpy as np
import pytest

from cipa.evaluation.mask_store import MaskStore


@pytest.mark.parametrize("shape", [(512, 512), (7, 5), (1, 1)])
def test_masks_come_back_as_given(shape):
    store, random = MaskStore(), np.random.default_rng(0)
    masks = {name: random.random(shape) < 0.4 for name in ("a", "b")}
    for name, mask in masks.items():
        store.add(name, mask * np.uint8(255))
    for name, mask in masks.items():
        np.testing.assert_array_equal(store.get(name), mask)
        assert store.get(name).dtype == bool


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        MaskStore().get("0001_001")
