"""The passes around the scan against their float64 forms: tiny in the interpreter, real sizes on a GPU."""

import itertools

import pytest
import torch

from cipa.ops import (
    add_norm,
    depthwise_silu,
    ss2d_block,
    ss2d_norm_gate,
    upsample2,
    upsample2_norm_project,
    use_backend,
)
from op_inputs import relative_error, ss2d_inputs

ANYWHERE = (pytest.mark.interpreter, pytest.mark.gpu)
TINY = [(1, 1, 1, 8), (1, 1, 19, 8), (1, 5, 1, 24), (1, 3, 5, 72), (2, 2, 3, 13)]
REAL = [(2, 128, 128, 96), (1, 63, 41, 192), (2, 16, 16, 1536), (3, 1, 700, 768), (1, 9, 31, 2048)]
TYPES = {torch.float32: (1e-6, 3e-6), torch.float16: (1e-3, 3e-3), torch.bfloat16: (8e-3, 2e-2)}
"""Bounds of the outputs' and the gradients' relative errors."""


def cases():
    """Every size and type on a GPU; the interpreter is slow and takes narrow types at one size."""
    listed = []
    for size, dtype in itertools.product(TINY + REAL, TYPES):
        interpreted = size in TINY and (dtype == torch.float32 or size == TINY[-1])
        name = "x".join(map(str, size)) + f"-{dtype}".replace("torch.", "")
        marks = ANYWHERE if interpreted else [pytest.mark.gpu]
        listed.append(pytest.param(size, dtype, marks=marks, id=name))
    return listed


pytestmark = pytest.mark.usefixtures("kernels", "full_precision", "nan_scratch")


def normal(*shapes, seed=0):
    make = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=make) for shape in shapes]


def run(op, inputs, upstream):
    """Outputs, and the gradient of every input by those outputs that have an upstream."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    outputs = op(*leaves)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    pairs = [(y, dy.to(y.device, y.dtype)) for y, dy in zip(outputs, upstream, strict=True) if dy is not None]
    used, grown = zip(*pairs, strict=True)
    return outputs, torch.autograd.grad(used, leaves, grown)


def check(op, inputs, upstream, device, dtype=torch.float32, bounds=None):
    """Hold outputs and gradients, of maps in `dtype` and float32 parameters, against float64."""
    forward, backward = bounds or TYPES[dtype]
    inputs = [tensor.to(dtype) if tensor.shape == inputs[0].shape else tensor for tensor in inputs]
    with use_backend("reference"):
        expected, expected_gradients = run(op, [tensor.double() for tensor in inputs], upstream)
    outputs, gradients = run(op, [tensor.to(device) for tensor in inputs], upstream)
    with torch.no_grad():
        again = op(*(tensor.to(device) for tensor in inputs))
    for y, same, truth in zip(
        outputs, again if isinstance(again, tuple) else (again,), expected, strict=True
    ):
        assert relative_error(y.cpu(), truth) < forward
        assert torch.equal(y, same), "with and without gradients"
    for place, (found, truth, argument) in enumerate(zip(gradients, expected_gradients, inputs, strict=True)):
        assert found.dtype == argument.dtype
        assert relative_error(found.cpu(), truth) < backward, f"gradient of argument {place}"


@pytest.mark.parametrize(("size", "dtype"), cases())
def test_depthwise_silu(size, dtype, device):
    channels = size[-1]
    inputs = normal(size, (channels, 1, 3, 3), (channels,))
    check(depthwise_silu, inputs, normal(size, seed=1), device, dtype)


@pytest.mark.parametrize(("size", "dtype"), cases())
def test_add_norm(size, dtype, device):
    channels = size[-1]
    x, branch, skip, weight, bias = normal(size, size, *[(channels,)] * 3)
    both = normal(size, size, seed=1)
    check(lambda x, w, b: add_norm(x, None, None, w, b), [x, weight, bias], both, device, dtype)
    check(lambda x, y, w, b: add_norm(x, y, None, w, b), [x, branch, weight, bias], both, device, dtype)
    check(add_norm, [x, branch, skip, weight, bias], both, device, dtype)


@pytest.mark.interpreter
@pytest.mark.gpu
def test_one_program_may_take_many_tiles(device, monkeypatch):
    from cipa.ops.fused import add_norm_triton as norm
    from cipa.ops.fused import depthwise_silu_triton as depthwise
    from cipa.ops.fused import upsample_triton as upsample
    from cipa.ops.scan.triton import norm_gate

    for module in (depthwise, norm, norm_gate, upsample):
        if hasattr(module, "multiprocessors"):
            monkeypatch.setattr(module, "multiprocessors", lambda _device: 1)
    monkeypatch.setattr(depthwise, "PER_UNIT", 1)
    monkeypatch.setattr(norm, "WARPS_PER_UNIT", 4)
    monkeypatch.setattr(norm, "ELEMENTS_BACK", 32)
    size = (2, 9, 11, 24)
    x, branch, taps, skip, weight, bias = normal(size, size, (24, 1, 3, 3), *[(24,)] * 3)
    both = normal(size, size, seed=1)
    check(depthwise_silu, [x, taps, bias], both[:1], device)
    check(add_norm, [x, branch, skip, weight, bias], both, device)
    scan = ss2d_inputs(batch=1, height=2, width=3, channels=24, directions=1)
    gated = normal(scan[0].shape, scan[0].shape, seed=2)
    check(
        lambda *inputs: ss2d_norm_gate(*inputs, directions=(0,)),
        [*scan, gated[0], weight, bias], [gated[1]], device, bounds=(3e-6, 1e-5),
    )  # fmt: skip
    small, projection = x[:1, :3, :5], normal((2, 24))[0]
    upstream = normal((1, 6, 10, 2), seed=1)
    check(upsample2_norm_project, [small, weight, bias, projection], upstream, device, bounds=(5e-6, 1e-5))


@pytest.mark.interpreter
@pytest.mark.gpu
def test_silu_has_its_limits(device):
    x = torch.zeros(1, 1, 1, 6, device=device)
    bias = torch.tensor([-1e30, -200, -20, 20, 200, 1e30])
    y = depthwise_silu(x, torch.zeros(6, 1, 3, 3, device=device), bias.to(device))
    expected = bias.double() * bias.double().sigmoid()
    torch.testing.assert_close(y.flatten().cpu().double(), expected, rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("used", [0, 1])
@pytest.mark.interpreter
@pytest.mark.gpu
def test_add_norm_where_only_one_result_is_used(used, device):
    size = (1, 2, 3, 24)
    inputs = normal(size, size, *[(24,)] * 3)
    upstream = [dy if place == used else None for place, dy in enumerate(normal(size, size, seed=1))]

    def op(x, branch, skip, weight, bias):
        total, out = add_norm(x, branch, skip, weight, bias)
        return total + 0 * bias + 0 * weight, out

    check(op, inputs, upstream, device)


@pytest.mark.parametrize(("size", "dtype"), cases())
def test_upsample2(size, dtype, device):
    batch, height, width, channels = size
    upstream = normal((batch, 2 * height, 2 * width, channels), seed=1)
    check(upsample2, normal(size), upstream, device, dtype)


@pytest.mark.parametrize(("size", "dtype"), cases())
def test_upsample2_norm_project(size, dtype, device):
    batch, height, width, channels = size
    classes = 1 + 2 * (channels == 13)
    inputs = normal(size, (channels,), (channels,), (classes, channels))
    upstream = normal((batch, 2 * height, 2 * width, classes), seed=1)
    sum_cancels = (5e-6, 1e-5) if dtype == torch.float32 else None
    check(upsample2_norm_project, inputs, upstream, device, dtype, sum_cancels)


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(
            {"batch": 1, "height": 2, "width": 3, "channels": 13, "directions": 2}, marks=ANYWHERE, id="tiny"
        ),
        pytest.param({"batch": 1, "height": 1, "width": 1, "channels": 8, "directions": 1}, marks=ANYWHERE),
        pytest.param({"height": 9, "width": 31, "channels": 192, "states": 16}, marks=[pytest.mark.gpu]),
        pytest.param({"batch": 1, "height": 24, "width": 24, "channels": 96}, marks=[pytest.mark.gpu]),
        pytest.param({"batch": 2, "height": 4, "width": 4, "channels": 1536}, marks=[pytest.mark.gpu]),
    ],
)  # fmt: skip
def test_ss2d_norm_gate(shape, device):
    scan = ss2d_inputs(**shape)
    directions = tuple(range(shape.get("directions", 4)))
    gate, upstream = normal(scan[0].shape, scan[0].shape, seed=2)
    weight, bias = normal((shape["channels"],), (shape["channels"],))

    def op(*inputs):
        return ss2d_norm_gate(*inputs, directions=directions)

    check(op, [*scan, gate, weight, bias], [upstream], device, bounds=(3e-6, 1e-5))


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(
            {"batch": 2, "height": 2, "width": 3, "channels": 13, "directions": 2}, marks=ANYWHERE, id="tiny"
        ),
        pytest.param({"height": 9, "width": 31, "channels": 192, "states": 16}, marks=[pytest.mark.gpu]),
    ],
)  # fmt: skip
def test_ss2d_block(shape, device):
    x, projection, *scan = ss2d_inputs(**shape)
    directions = tuple(range(shape.get("directions", 4)))
    channels = x.shape[-1]
    x, in_proj, taps, taps_bias, weight, bias, upstream, x_proj, out_proj = normal(
        (*x.shape[:-1], 7), (2 * channels, 7), (channels, 1, 3, 3), (channels,), (channels,), (channels,),
        (*x.shape[:-1], 5), (*projection.shape[3:], channels), (5, channels),
    )  # fmt: skip
    x_proj, out_proj = (matrix * channels**-0.5 for matrix in (x_proj, out_proj))
    inputs = [x, in_proj * 7**-0.5, taps / 3, taps_bias, x_proj, *scan, weight, bias, out_proj]
    check(
        lambda *a: ss2d_block(*a, directions=directions), inputs, [upstream], device, bounds=(3e-6, 1e-5)
    )  # fmt: skip


@pytest.mark.interpreter
@pytest.mark.gpu
def test_maps_and_kernels_need_not_be_contiguous(device):
    x, taps, *vectors = (
        tensor.to(device) for tensor in normal((1, 3, 5, 8), (8, 1, 3, 3), (8,), (8,), (2, 8))
    )
    strided = x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    weight, bias, projection = vectors
    by_tap = taps.reshape(8, 9).t().contiguous().t().view(8, 1, 3, 3)
    assert torch.equal(depthwise_silu(x, by_tap, bias), depthwise_silu(x, taps, bias))
    for op in (
        lambda x: depthwise_silu(x, taps, bias),
        lambda x: add_norm(x, x, weight, weight, bias)[1],
        upsample2,
        lambda x: upsample2_norm_project(x, weight, bias, projection),
    ):
        assert torch.equal(op(strided), op(x))
        with torch.no_grad():
            assert torch.equal(op(strided), op(x))


@pytest.mark.interpreter
@pytest.mark.gpu
def test_a_nan_stays_in_its_image(device):
    x, taps, weight, bias, projection = (
        tensor.to(device) for tensor in normal((2, 2, 3, 8), (8, 1, 3, 3), (8,), (8,), (2, 8))
    )
    x[0] = torch.nan
    for op in (
        lambda x: depthwise_silu(x, taps, bias),
        lambda x: add_norm(x, x, weight, weight, bias)[1],
        upsample2,
        lambda x: upsample2_norm_project(x, weight, bias, projection),
    ):
        leaf = x.clone().requires_grad_()
        y = op(leaf)
        y.sum().backward()
        assert y[0].isnan().all()
        assert y[1].isfinite().all()
        assert leaf.grad[1].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.interpreter
@pytest.mark.gpu
def test_under_autocast_the_norm_gives_what_a_product_takes(dtype, device):
    x, branch, weight, bias = (tensor.to(device) for tensor in normal((2, 5, 8), (2, 5, 8), (8,), (8,)))
    with torch.autocast(device, dtype):
        total, out = add_norm(x, branch, None, weight, bias)
    assert total.dtype == torch.float32
    assert out.dtype == dtype


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.interpreter
@pytest.mark.gpu
def test_a_narrow_branch_of_a_wide_stream_gets_a_narrow_gradient(dtype, device):
    x, branch, *vectors = normal((2, 5, 8), (2, 5, 8), (8,), (8,))
    inputs, upstream = [x, branch.to(dtype), *vectors], normal((2, 5, 8), (2, 5, 8), seed=1)

    def op(x, branch, weight, bias):
        return add_norm(x, branch, None, weight, bias)

    with use_backend("reference"):
        _, expected = run(op, [tensor.double() for tensor in inputs], upstream)
    _, found = run(op, [tensor.to(device) for tensor in inputs], upstream)
    assert [tensor.dtype for tensor in found] == [tensor.dtype for tensor in inputs]
    for place, (gradient, truth) in enumerate(zip(found, expected, strict=True)):
        bound = TYPES[dtype if place == 1 else torch.float32][1]
        assert relative_error(gradient.cpu(), truth) < bound, f"gradient of argument {place}"


@pytest.mark.interpreter
@pytest.mark.gpu
def test_a_float16_scan_may_pass_the_end_of_float16(device):
    """A trained network's scans reach 1e10; what the norm and the gate make of them is small again."""
    x, projection, *scan = ss2d_inputs(1, 2, 3, 8, directions=2)
    gate, weight, bias, upstream = normal(x.shape, (8,), (8,), x.shape, seed=2)
    large = [x * 300, projection * 300, *scan, gate, weight, bias]
    check(
        lambda *a: ss2d_norm_gate(*a, directions=(0, 3))[None],
        large, [upstream[None]], device, torch.float16, bounds=(3e-3, 5e-2),
    )  # fmt: skip


@pytest.mark.interpreter
@pytest.mark.gpu
@pytest.mark.parametrize(
    ("place", "name"),
    [(1, "in_proj"), (2, "taps"), (4, "x_proj"), (6, "dt_bias"), (9, "norm_weight"), (11, "out_proj")],
)
def test_ss2d_block_names_what_does_not_fit(place, name, device):
    x, projection, *scan = ss2d_inputs(1, 2, 3, 8)
    shapes = ((16, 8), (8, 1, 3, 3), (8,), (*projection.shape[3:], 8)), ((8,), (8,), (5, 8))
    inputs = [x, *normal(*shapes[0]), *scan, *normal(*shapes[1])]
    inputs[place] = inputs[place][..., :-1]
    with pytest.raises(ValueError, match=rf": {name} is"):
        ss2d_block(*(tensor.to(device) for tensor in inputs))


@pytest.mark.parametrize("shape", [(1, 1, 5), (3, 7, 40), (2, 300, 3, 7), (1, 513, 17)], ids=str)
@pytest.mark.interpreter
@pytest.mark.gpu
def test_parts_of_a_gradient_are_summed(shape, device):
    from cipa.ops.fused.partial_sums_triton import sum_parts

    (parts,) = normal(shape)
    assert relative_error(sum_parts(parts.to(device)).cpu(), parts.double().sum(1)) < 1e-6
