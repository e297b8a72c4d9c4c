"""Passes fused where no gradient is wanted, against float64: tiny in the interpreter, real on a GPU."""

import itertools

import pytest
import torch

from cipa.ops import (
    ScaledBranch,
    add_branch,
    add_norm,
    add_windows,
    amplify,
    bias_gelu,
    bias_relu,
    embed_norm,
    map_tokens,
    merge_norm,
    use_backend,
    window_norm,
)
from op_inputs import relative_error

ANYWHERE = (pytest.mark.interpreter, pytest.mark.gpu)
TINY = [(1, 1, 1, 8), (2, 5, 3, 24), (3, 2, 7, 13)]
REAL = [(2, 128, 128, 96), (16, 32, 32, 384), (3, 9, 31, 768)]
TYPES = {torch.float32: 1e-6, torch.float16: 1e-3, torch.bfloat16: 8e-3}
"""Bounds of the relative errors."""

pytestmark = pytest.mark.usefixtures("kernels", "nan_scratch")


def cases(tiny=TINY, real=REAL, bfloat16=True):
    """Every size and type on a GPU; the interpreter is slow and takes narrow types at one size.

    It multiplies no bfloat16: without, that runs on a GPU alone.
    """
    listed = []
    for size, dtype in itertools.product(tiny + real, TYPES):
        interpreted = size in tiny and (dtype == torch.float32 or size == tiny[-1])
        interpreted &= bfloat16 or dtype != torch.bfloat16
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
    with use_backend("reference"):
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


@pytest.mark.parametrize(("size", "dtype"), cases(bfloat16=False))
@pytest.mark.parametrize("affine", [True, False])
def test_map_tokens(size, dtype, affine, device):
    height, columns = size[1:3]
    pixels, width = height * columns, 40 if height > 9 else 5
    first, second, norm_weight, norm_bias, weight, bias = normal(
        size, size, (pixels,), (pixels,), (width, pixels), (width,)
    )
    if not affine:
        hold(lambda *a: map_tokens(*a[:2], None, None, *a[2:]), [first, second, weight, bias], device, dtype)
        return
    inputs = [first + 3, second - 3, norm_weight + 1, norm_bias, weight * pixels**-0.5, bias]
    hold(map_tokens, inputs, device, dtype, 5e-6 if dtype == torch.float32 else None)


@pytest.mark.interpreter
@pytest.mark.gpu
def test_a_nearly_constant_map_keeps_its_digits(device):
    first, second, weight, bias = normal((1, 4, 40, 8), (1, 4, 40, 8), (6, 160), (6,))
    inputs = [100 + 0.1 * first, second - 50, weight, bias]
    hold(lambda *a: map_tokens(*a[:2], None, None, *a[2:]), inputs, device, torch.float32, 2e-4)


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.interpreter
@pytest.mark.gpu
def test_a_map_may_be_cut_in_any_number_of_pieces(pieces, device, monkeypatch):
    from cipa.ops.fused import map_tokens_triton as module

    monkeypatch.setattr(module, "MOST_PIECES", pieces)
    monkeypatch.setattr(module, "JOINED", 2)
    inputs = normal((1, 9, 15, 8), (1, 9, 15, 8), (135,), (135,), (6, 135), (6,))
    hold(map_tokens, inputs, device, torch.float32, 3e-6)


@pytest.mark.parametrize(("size", "dtype"), cases())
def test_amplify(size, dtype, device):
    hold(amplify, normal(size, size, (size[0], 2 * size[-1])), device, dtype)


@pytest.mark.interpreter
@pytest.mark.gpu
def test_halves_of_one_map_are_not_copied(device):
    from cipa.ops.fused.map_tokens_triton import both_maps

    whole = torch.randn(4, 2, 3, 8, device=device)
    first, second = whole.chunk(2)
    assert both_maps(first, second).data_ptr() == whole.data_ptr()
    assert torch.equal(both_maps(first, second), whole)
    assert torch.equal(both_maps(second, first), torch.cat([second, first]))


@pytest.mark.parametrize(
    ("size", "dtype"), cases([(1, 4, 4, 8), (2, 8, 12, 13)], [(2, 128, 128, 96), (1, 16, 32, 768)])
)
def test_windows(size, dtype, device):
    batch, height, width, channels = size
    x, weight, bias = normal(size, (16 * channels,), (16 * channels,))
    windows = (batch * height * width // 16, 4, 4, channels)
    hold(lambda *a: window_norm(a[0], 4, *a[1:]), [x, weight, bias], device, dtype)
    inputs = normal(size, size, size, windows, (batch, height // 4, width // 4, channels))
    hold(add_windows, inputs, device, dtype)


@pytest.mark.parametrize(("size", "dtype"), cases())
def test_merge_norm(size, dtype, device):
    hold(merge_norm, normal(size, (4 * size[-1],), (4 * size[-1],)), device, dtype)


@pytest.mark.parametrize(
    ("size", "dtype"), cases([(1, 4, 4, 8), (2, 8, 20, 13)], [(2, 512, 512, 96)], bfloat16=False)
)
def test_embed_norm(size, dtype, device):
    batch, height, width, channels = size
    vectors = normal(*[(channels,)] * 3, seed=1)
    for planes in (1, 3):
        images = normal((batch, planes, height, width), (channels, planes, 4, 4))
        hold(embed_norm, [*images, *vectors], device, dtype)
