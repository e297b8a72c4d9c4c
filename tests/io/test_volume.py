import numpy as np
import pytest

from cipa.io.volume import sparse_zeros


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_sparse_zeros_have_the_memory_order_of_their_model(order):
    like = np.ones((2, 3, 4), np.float32).transpose(order)[::-1]
    zeros = sparse_zeros(like, np.uint8)
    assert zeros.dtype == np.uint8
    assert zeros.shape == like.shape
    assert not zeros.any()
    assert zeros.strides == np.zeros_like(like, np.uint8).strides
    zeros[...] = 1
    assert zeros.all()
