import pytest
import torch
import torch.nn.functional as F

from cipa.ops import channel_factors


def draw(*shapes):
    make = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=make, dtype=torch.float64) for shape in shapes]


def test_mean_and_maximum_pass_the_same_two_layers():
    x, down, up = draw((2, 3, 4, 6), (2, 6), (6, 2))
    hidden = [F.silu(pooled @ down.T) for pooled in (x.mean((1, 2)), x.amax((1, 2)))]
    expected = torch.sigmoid(hidden[0] @ up.T + hidden[1] @ up.T)
    torch.testing.assert_close(channel_factors(x, down, up)[:, 0, 0], expected)


def test_a_bias_counts_as_part_of_the_map():
    x, down, up, bias = draw((2, 3, 4, 6), (2, 6), (6, 2), (6,))
    torch.testing.assert_close(channel_factors(x, down, up, bias), channel_factors(x + bias, down, up))


def test_every_gradient_is_the_finite_difference():
    inputs = draw((2, 2, 3, 4), (2, 4), (4, 2), (4,))
    assert torch.autograd.gradcheck(channel_factors, [tensor.requires_grad_() for tensor in inputs])


def test_a_layer_that_does_not_fit_is_named():
    x, down, up = draw((1, 2, 2, 4), (2, 4), (4, 3))
    with pytest.raises(ValueError, match="up is"):
        channel_factors(x, down, up)
