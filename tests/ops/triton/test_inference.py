"""Passes fused where no gradient is wanted, against float64: tiny in the interpreter, real on a GPU."""

import itertools

import pytest
import torch

from cipa.ops import (
    ScaledBranch,
    add_branch,
    add_norm,
    bias_gelu,
    bias_relu,
    use_kernels,
)
from op_inputs import relative_error

ANYWHERE = (pytest.mark.interpreter, pytest.mark.gpu)
TINY = [(1, 1, 1, 8), (2, 5, 3, 24), (3, 2, 7, 13)]
REAL = [(2, 128, 128, 96), (16, 32, 32, 384), (3, 9, 31, 768)]
TYPES = {torch.float32: 1e-6, torch.float16: 1e-3, torch.bfloat16: 8e-3}
"""Bounds of the relative errors."""

pytestmark = pytest.mark.usefixtures("kernels", "nan_scratch")


def cases(tiny=TINY, real=REAL):
    """Every size and type on a GPU; the interpreter is slow and takes narrow types at one size."""
    listed = []
    for size, dtype in itertools.product(tiny + real, TYPES):
        interpreted = size in tiny and (dtype == torch.float32 or size == tiny[-1])
        name = "x".join(map(str, size)) + f"-{dtype}".replace("torch.", "")
        marks = ANYWHERE if interpreted else [pytest.mark.gpu]
        listed.append(pytest.param(size, dtype, marks=marks, id=name))
    return listed


def normal(*shapes, seed=0):
    make = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=make) for shape in shapes]


def hold(op, inputs, device, dtype, bound=None):
    """Compare outputs, of inputs in `dtype`, with float64's; none of them may lack its type."""
    inputs = [tensor.to(dtype) for tensor in inputs]
    with use_kernels("reference"):
        expected = op(*(tensor.double() for tensor in inputs))
    with torch.no_grad():
        found = op(*(tensor.to(device) for tensor in inputs))
    if isinstance(found, torch.Tensor):
        found, expected = (found,), (expected,)
    for y, truth in zip(found, expected, strict=True):
        assert y.dtype == dtype
        assert relative_error(y.cpu(), truth) < (bound or TYPES[dtype])
    return found


@pytest.mark.parametrize(("size", "dtype"), cases())
def test_a_branch_is_worked_out_as_it_is_added(size, dtype, device):
    vector, factors = (size[-1],), (size[0], 1, 1, size[-1])
    inputs = normal(size, size, vector, factors, vector, vector, vector)

    def with_norm(x, branch, branch_bias, factors, skip, weight, bias):
        return add_norm(x, ScaledBranch(branch, branch_bias, factors), skip, weight, bias)

    def alone(x, branch, branch_bias, factors, skip, _weight, _bias):
        return add_branch(x, ScaledBranch(branch, branch_bias, factors), skip)

    total, _ = hold(with_norm, inputs, device, dtype)
    assert torch.equal(total, hold(alone, inputs, device, dtype)[0])


@pytest.mark.parametrize(("size", "dtype"), cases())
@pytest.mark.parametrize("op", [bias_gelu, bias_relu])
def test_bias_and_activation(op, size, dtype, device):
    hold(op, normal(size, (size[-1],)), device, dtype)


@pytest.mark.interpreter
@pytest.mark.gpu
@pytest.mark.parametrize("op", [bias_gelu, bias_relu])
def test_activations_keep_a_nan(op, device):
    x = torch.tensor([[torch.nan, 1, -1, torch.inf]], device=device)
    with torch.no_grad():
        y = op(x, torch.zeros(4, device=device))
    assert y.isnan().tolist() == [[True, False, False, False]]


@pytest.mark.interpreter
@pytest.mark.gpu
def test_maps_need_not_be_contiguous(device):
    x, bias, factors = (tensor.to(device) for tensor in normal((1, 3, 5, 8), (8,), (1, 1, 1, 8)))
    strided = x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    with torch.no_grad():
        for op in (
            lambda x: add_branch(x, ScaledBranch(x, bias, factors), bias),
            lambda x: bias_gelu(x, bias),
        ):
            assert torch.equal(op(strided), op(x))
