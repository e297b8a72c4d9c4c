import pytest
import torch
import torch.nn.functional as F

from cipa.ops import bias_gelu, bias_relu

OPS = pytest.mark.parametrize(("op", "activation"), [(bias_gelu, F.gelu), (bias_relu, F.relu)])


def draw(*shapes):
    make = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=make, dtype=torch.float64) for shape in shapes]


@OPS
def test_the_bias_comes_first(op, activation):
    x, bias = draw((2, 3, 4, 6), (6,))
    torch.testing.assert_close(op(x, bias), activation(x + bias))


@OPS
def test_every_gradient_is_the_finite_difference(op, activation):
    inputs = draw((2, 3, 4), (4,))
    assert torch.autograd.gradcheck(op, [tensor.requires_grad_() for tensor in inputs])


@OPS
def test_a_narrow_map_stays_narrow_beside_a_float32_bias(op, activation):
    x, bias = draw((2, 3, 4), (4,))
    assert op(x.half(), bias.float()).dtype == torch.float16


def test_a_bias_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"bias_gelu: bias is \(5,\)"):
        bias_gelu(torch.zeros(2, 4), torch.zeros(5))
