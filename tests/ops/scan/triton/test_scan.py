"""The Triton scan against the float64 reference: tiny in the interpreter, every shape on a GPU."""

import pytest
import torch

from cipa.ops import selective_scan, ss2d, use_backend
from cipa.ops.scan.selective_scan_reference import selective_scan_reference
from cipa.ops.scan.ss2d import ss2d_forward
from cipa.ops.scan.ss2d_reference import ss2d_reference
from op_inputs import SS2D_SHAPES, gradients, relative_error, sequence_inputs, ss2d_inputs

ANYWHERE = (pytest.mark.interpreter, pytest.mark.gpu)
NAMES = ["x", "projection", "dt_weight", "dt_bias", "A_logs", "Ds"]
ALL = (0, 1, 2, 3)
TINY = {  # shape, directions, and as `cut` takes them: positions a chunk, images a program, a segment
    "one pixel": ({"batch": 1, "height": 1, "width": 1}, ALL, None, 1),
    "one row": ({"batch": 1, "height": 1, "width": 19, "channels": 8, "states": 1}, (0, 2), None, 1),
    "one column": ({"batch": 1, "height": 9, "width": 1, "channels": 8, "states": 3}, (1, 3), None, 1),
    "two blocks of channels, the last not full": (
        {"batch": 1, "height": 3, "width": 5, "channels": 40, "states": 16, "rank": 6}, (0, 3), None, 1,
    ),
    "channels of no round number": ({"height": 2, "width": 2, "channels": 13, "rank": 17}, (2,), None, 1),
    "three chunks, the last not full": (
        {"batch": 1, "height": 3, "width": 7, "channels": 8, "states": 3}, (1, 2), 8, 1,
    ),
    "two segments a chunk, two chunks, the last not full": (
        {"batch": 1, "height": 5, "width": 9, "channels": 8, "states": 3}, (0, 3), 32, 1, 16,
    ),
    "images in turns": ({"batch": 3, "height": 2, "width": 3, "channels": 8}, (0, 3), None, 2),
}  # fmt: skip
SLOW = ("two blocks of channels, the last not full", "three chunks, the last not full", "images in turns")
"""Of `TINY`, two to four seconds each in the interpreter."""

WIDE = {
    "encoder stage 0": {"height": 128, "width": 128, "channels": 192, "states": 16, "rank": 6},
    "encoder stage 2": {"height": 32, "width": 32, "channels": 768, "states": 16, "rank": 24},
    "encoder stage 3 of base": {"height": 16, "width": 16, "channels": 2048, "states": 16, "rank": 64},
    "decoder": {"height": 128, "width": 128, "channels": 192, "states": 4, "rank": 6},
    "windows of DCIM": {"batch": 1024, "height": 4, "width": 4, "channels": 192, "states": 16, "rank": 6},
    "tall": {"batch": 1, "height": 301, "width": 7, "channels": 72, "states": 16, "rank": 6},
}

pytestmark = pytest.mark.usefixtures("kernels", "full_precision")


def check(inputs, directions, device, truth, forward=2e-6, backward=5e-6):
    """Hold output and every gradient against those of `truth`, a function of the inputs and directions."""
    upstream = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(1)).to(inputs[0].dtype)
    expected_y, expected = truth(inputs, directions, upstream)
    moved = [tensor.to(device) for tensor in inputs]
    y, found = gradients(lambda *a: ss2d(*a, directions), moved, upstream.to(device))
    assert y.dtype == inputs[0].dtype
    assert relative_error(y.cpu(), expected_y) < forward
    for name, argument, result, reference in zip(NAMES, inputs, found, expected, strict=True):
        assert result.dtype == argument.dtype
        assert relative_error(result.cpu(), reference) < backward, name


def by_reference(inputs, directions, upstream):
    wide = [tensor.double() for tensor in inputs]
    return gradients(lambda *a: ss2d_reference(*a, directions), wide, upstream)


def by_cpu_kernel(inputs, directions, upstream):
    with use_backend("cpu"):
        return gradients(lambda *a: ss2d(*a, directions), inputs, upstream)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=(*ANYWHERE, pytest.mark.slow) if name in SLOW else ANYWHERE, id=name)
        for name, case in TINY.items()
    ],
)
@pytest.mark.usefixtures("nan_scratch")
def test_tiny_maps_and_every_gradient_equal_the_float64_reference(case, device, cut):
    shape, directions, *cuts = case
    cut(*cuts)
    check(ss2d_inputs(**shape, directions=len(directions)), directions, device, by_reference)


@pytest.mark.gpu
@pytest.mark.parametrize("shape", SS2D_SHAPES.values(), ids=SS2D_SHAPES.keys())
@pytest.mark.usefixtures("nan_scratch")
def test_every_shape_and_gradient_equals_the_float64_reference(shape):
    check(ss2d_inputs(**shape), tuple(range(shape.get("directions", 4))), "cuda", by_reference)


@pytest.mark.gpu
@pytest.mark.parametrize("shape", WIDE.values(), ids=WIDE.keys())
@pytest.mark.usefixtures("nan_scratch")
def test_real_sizes_and_every_gradient_equal_the_cpu_kernel(shape):
    check(ss2d_inputs(**shape), ALL, "cuda", by_cpu_kernel, forward=5e-6, backward=3e-5)


@pytest.mark.parametrize(
    ("dtype", "bound", "side"),
    [
        pytest.param(torch.float16, 1.5e-3, 2, marks=ANYWHERE),
        pytest.param(torch.float16, 1.5e-3, 33, marks=[pytest.mark.gpu]),
        pytest.param(torch.bfloat16, 1e-2, 33, marks=[pytest.mark.gpu]),
    ],
)
@pytest.mark.usefixtures("nan_scratch")
def test_narrow_maps_keep_a_float32_state(dtype, bound, side, device):
    """What autocast hands over: a narrow map and projection, float32 parameters."""
    x, projection, *parameters = ss2d_inputs(batch=1, height=side, width=side, channels=8)
    check([x.to(dtype), projection.to(dtype), *parameters], ALL, device, by_reference, bound, bound)


@pytest.mark.interpreter
@pytest.mark.gpu
def test_inputs_need_not_be_contiguous(device):
    x, projection, *parameters = (tensor.to(device) for tensor in ss2d_inputs(1, 2, 3, 8, directions=2))
    strided = x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    sliced = torch.cat([projection, projection], dim=-1)[..., : projection.shape[-1]]
    assert not strided.is_contiguous()
    assert not sliced.is_contiguous()
    assert torch.equal(ss2d(strided, sliced, *parameters, (1, 2)), ss2d(x, projection, *parameters, (1, 2)))


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.interpreter
@pytest.mark.gpu
def test_a_nan_stays_in_its_image(images, device, cut):
    cut(images=images)
    x, *rest = (tensor.to(device) for tensor in ss2d_inputs(2, 2, 2, 8, directions=1))
    x[0, 0, 1, 3] = torch.nan
    leaf = x.requires_grad_()
    y = ss2d(leaf, *rest, (0,))
    y.sum().backward()
    assert y[0, :, :, 3].isnan().any()
    assert y[1].isfinite().all()
    assert leaf.grad[1].isfinite().all()


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param({"length": 11}, marks=ANYWHERE, id="short"),
        pytest.param({"length": 1, "batch": 1}, marks=[pytest.mark.gpu], id="one position"),
        pytest.param({"length": 1}, marks=ANYWHERE, id="one position of two rows"),
        pytest.param({"length": 384, "channels": 384, "states": 4}, marks=[pytest.mark.gpu], id="CRM"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.usefixtures("nan_scratch")
def test_a_sequence_and_every_gradient_equal_the_float64_reference(shape, dtype, device):
    """Here the step is not projected: the interpreter multiplies the bit patterns of bfloat16 matrices."""
    u, dt, A_logs, B, C, D, dt_bias = sequence_inputs(**shape)
    inputs = (u.to(dtype), dt.to(dtype), A_logs, B, C, D, dt_bias)
    forward, backward = (2e-6, 5e-6) if dtype == torch.float32 else (2e-2, 2e-2)
    upstream = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(1))
    upstream = upstream.to(dtype)  # at one position a gradient is a difference: rounding this alone made 4 %
    truth, expected = gradients(selective_scan_reference, [tensor.double() for tensor in inputs], upstream)
    moved = [tensor.to(device) for tensor in inputs]
    y, found = gradients(selective_scan, moved, upstream.to(device))
    assert relative_error(y.cpu(), truth) < forward
    for name, result, reference in zip(
        ["u", "dt", "A_logs", "B", "C", "D", "dt_bias"], found, expected, strict=True
    ):
        assert relative_error(result.cpu(), reference) < backward, name


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("batch", [1, 8])
def test_results_are_bit_equal_from_run_to_run(dtype, batch):
    inputs = [tensor.cuda().to(dtype) for tensor in ss2d_inputs(batch, 64, 64, 96, 16, 6)]
    upstream = torch.ones_like(inputs[0])
    first, expected = gradients(ss2d, inputs, upstream)
    again, found = gradients(ss2d, inputs, upstream)
    assert torch.equal(first, again)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


@pytest.mark.gpu
@pytest.mark.parametrize("shape", [{}, {"batch": 1, "height": 40, "width": 40}], ids=["one chunk", "chunks"])
def test_the_custom_op_keeps_pytorchs_rules(shape):
    inputs = [tensor.cuda().requires_grad_() for tensor in ss2d_inputs(**shape)]
    torch.library.opcheck(ss2d_forward, (*inputs, list(ALL), True, "triton"))


@pytest.mark.interpreter
@pytest.mark.gpu
@pytest.mark.parametrize("rank", [1, 6])
def test_a_program_may_make_several_tiles_of_steps(rank, device, monkeypatch):
    from cipa.ops.scan.parameters import scan_input
    from cipa.ops.scan.triton import inputs

    x, projection, *parameters = (t.to(device) for t in ss2d_inputs(2, 15, 11, 72, rank=rank))
    scan = scan_input(x, projection, *parameters, (0, 1, 2, 3))
    one_each = inputs.prepare(scan)
    monkeypatch.setattr(inputs, "MANY", 0)
    several = inputs.prepare(scan)
    assert torch.equal(several.delta, one_each.delta)
    assert torch.equal(several.values, one_each.values)
