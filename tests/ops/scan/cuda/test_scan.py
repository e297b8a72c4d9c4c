"""The CUDA scan on a GPU against the float64 loop and Triton's scan, as the network calls it."""

import pytest
import torch

import cipa
from cipa.ops import selective_scan, ss2d, use_backend
from cipa.ops.scan.cuda import backward_plan, build, plan
from cipa.ops.scan.selective_scan_reference import selective_scan_reference
from cipa.ops.scan.ss2d import ss2d_forward
from cipa.ops.scan.ss2d_reference import ss2d_reference
from cipa.training.loss import segmentation_loss
from op_inputs import gradients, relative_error, sequence_inputs, ss2d_inputs

ALL = (0, 1, 2, 3)
NAMES = ["x", "projection", "dt_weight", "dt_bias", "A_logs", "Ds"]
SMALL = {  # shape, directions
    "one pixel": ({"batch": 1, "height": 1, "width": 1, "channels": 8, "states": 16}, ALL),
    "one row": ({"height": 1, "width": 67, "states": 16}, (0, 2, 1, 3)),
    "one column": ({"batch": 1, "height": 67, "width": 1, "channels": 40, "states": 16}, ALL),
    "tails of lanes and stages": ({"height": 20, "width": 23, "channels": 200, "states": 16, "rank": 6}, ALL),
    "windows": ({"batch": 33, "height": 4, "width": 4, "channels": 72, "states": 16}, ALL),
    "two directions": ({"height": 7, "width": 9, "channels": 40, "states": 16, "directions": 2}, (1, 2)),
    "two segments": ({"batch": 1, "height": 61, "width": 9, "channels": 72, "states": 16}, ALL),
    "N 4": ({"height": 20, "width": 23, "channels": 200, "states": 4, "rank": 6}, ALL),
    "N 4, one direction": ({"batch": 9, "height": 4, "width": 5, "states": 4, "directions": 1}, (3,)),
    "N 4, two segments": ({"height": 61, "width": 9, "channels": 72, "states": 4}, ALL),
}
WIDE = {  # every layout of the rule
    "four lanes": {"batch": 2, "height": 32, "width": 32, "channels": 768, "states": 16, "rank": 6},
    "two lanes in chunks": {
        "batch": 1,
        "height": 128,
        "width": 128,
        "channels": 192,
        "states": 16,
        "rank": 6,
    },
    "two lanes": {"batch": 32, "height": 16, "width": 16, "channels": 192, "states": 16, "rank": 6},
    "one lane": {"batch": 8, "height": 16, "width": 16, "channels": 1536, "states": 16, "rank": 6},
    "windows": {"batch": 1024, "height": 4, "width": 4, "channels": 192, "states": 16, "rank": 6},
    "N 4 in chunks": {"batch": 1, "height": 128, "width": 128, "channels": 192, "states": 4, "rank": 6},
    "N 4, many in chunks": {"batch": 12, "height": 64, "width": 64, "channels": 192, "states": 4, "rank": 6},
    "N 4, two lanes": {"batch": 4, "height": 30, "width": 34, "channels": 768, "states": 4, "rank": 6},
    "N 4, three warps": {"batch": 8, "height": 16, "width": 16, "channels": 768, "states": 4, "rank": 6},
    "N 4, four warps": {"batch": 16, "height": 16, "width": 16, "channels": 768, "states": 4, "rank": 6},
}
LOOP = {torch.float32: (2e-6, 5e-6), torch.bfloat16: (1e-2, 2e-2), torch.float16: (1.5e-3, 3e-3)}
TRITON = {torch.float32: (3e-6, 2e-5), torch.bfloat16: (4e-3, 8e-3), torch.float16: (5e-4, 1e-3)}
CUT = {"LONG_WALK": 4, "FEW_WALKS": 1 << 40, "FEW_WALKS_OF_4": 1 << 40, "CHUNK": 256}


def in_types(shapes, *narrow):
    """Pair every shape with bfloat16, the type of training, and some with the other two."""
    return [(name, torch.bfloat16) for name in shapes] + [
        (name, dtype) for name in narrow for dtype in (torch.float32, torch.float16)
    ]


pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("full_precision")]


@pytest.fixture(autouse=True)
def cuda(monkeypatch):
    """The CUDA kernels, forced, on a GPU that has what they need."""
    if not torch.cuda.is_available() or torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("no GPU of compute capability 8.0")
    with use_backend("cuda"):
        yield


@pytest.fixture
def cut(monkeypatch):
    """Every walk is cut into chunks of one segment."""
    for name, value in CUT.items():
        monkeypatch.setattr(plan, name, value)
    plans = (plan.forward_plan, backward_plan.backward_plan)
    for remembered in plans:
        remembered.cache_clear()
    yield
    monkeypatch.undo()
    for remembered in plans:
        remembered.cache_clear()


def on_gpu(inputs, dtype):
    x, projection, *parameters = (tensor.cuda() for tensor in inputs)
    return [x.to(dtype), projection.to(dtype), *parameters]


def draw_upstream(x):
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).to(x.device, x.dtype)


def require_close(found, truth, bounds, names=NAMES):
    (y, grads), (expected_y, expected) = found, truth
    assert relative_error(y, expected_y) < bounds[0]
    for name, result, reference in zip(names, grads, expected, strict=True):
        assert relative_error(result, reference) < bounds[1], name


def check_against_loop(shape, directions, dtype):
    inputs = on_gpu(ss2d_inputs(**shape), dtype)
    upstream = draw_upstream(inputs[0])
    found = gradients(lambda *a: ss2d(*a, directions), inputs, upstream)
    wide = [tensor.double() for tensor in inputs]
    truth = gradients(lambda *a: ss2d_reference(*a, directions), wide, upstream.double())
    assert found[0].dtype == dtype
    require_close(found, truth, LOOP[dtype])


@pytest.mark.parametrize(("name", "dtype"), in_types(SMALL, "tails of lanes and stages", "windows", "N 4"))
@pytest.mark.usefixtures("nan_scratch")
def test_small_maps_and_every_gradient_equal_the_float64_loop(name, dtype):
    check_against_loop(*SMALL[name], dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("name", ["tails of lanes and stages", "two segments", "N 4, two segments"])
@pytest.mark.usefixtures("nan_scratch", "cut")
def test_walks_in_chunks_equal_the_float64_loop(name, dtype):
    check_against_loop(*SMALL[name], dtype)


@pytest.mark.parametrize(
    ("name", "dtype"), in_types(WIDE, "two lanes in chunks", "one lane", "N 4, many in chunks")
)
@pytest.mark.usefixtures("nan_scratch")
def test_the_networks_shapes_equal_tritons_scan_bit_for_bit_from_run_to_run(name, dtype):
    inputs = on_gpu(ss2d_inputs(**WIDE[name]), dtype)
    upstream = draw_upstream(inputs[0])
    found = gradients(ss2d, inputs, upstream)
    y, again = gradients(ss2d, inputs, upstream)
    assert torch.equal(found[0], y)
    assert all(torch.equal(one, other) for one, other in zip(found[1], again, strict=True))
    with use_backend("triton"):
        truth = gradients(ss2d, inputs, upstream)
    require_close(found, truth, TRITON[dtype])


@pytest.mark.parametrize("hostile", ["large steps", "no steps", "large values"])
def test_hostile_inputs_equal_the_float64_loop(hostile):
    x, projection, weight, bias, *rest = on_gpu(ss2d_inputs(2, 20, 23, 72, 16, 6), torch.float32)
    if hostile == "large values":
        x, projection = x * 1e3, projection * 10
    bias = bias + {"large steps": 30, "no steps": -60, "large values": 0}[hostile]
    inputs = [x, projection, weight, bias, *rest]
    upstream = draw_upstream(x)
    found = gradients(ss2d, inputs, upstream)
    truth = gradients(ss2d_reference, [tensor.double() for tensor in inputs], upstream.double())
    # the rounding of the dt projection's product alone makes 10 times what a plain input does
    require_close(found, truth, tuple(20 * bound for bound in LOOP[torch.float32]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("length", "channels", "states"), [(1, 24, 16), (11, 24, 4), (384, 384, 4)])
def test_a_sequence_and_every_gradient_equal_the_float64_loop(length, channels, states, dtype):
    u, dt, *rest = (tensor.cuda() for tensor in sequence_inputs(2, length, channels, states))
    inputs = [u.to(dtype), dt.to(dtype), *rest]
    upstream = draw_upstream(inputs[0])
    found = gradients(selective_scan, inputs, upstream)
    wide = [tensor.double() for tensor in inputs]
    truth = gradients(selective_scan_reference, wide, upstream.double())
    bounds = (2e-6, 5e-6) if dtype == torch.float32 else (2e-2, 2e-2)
    require_close(found, truth, bounds, ["u", "dt", "A_logs", "B", "C", "D", "dt_bias"])


def test_inputs_need_not_be_contiguous():
    x, projection, *rest = on_gpu(ss2d_inputs(1, 12, 13, 24, 16, directions=2), torch.bfloat16)
    strided = x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    shifted = torch.cat([x.new_zeros(1), x.flatten()])[1:].view(x.shape)  # not at a multiple of 16 bytes
    sliced = torch.cat([projection, projection], dim=-1)[..., : projection.shape[-1]]
    expected = ss2d(x, projection, *rest, (1, 2))
    assert torch.equal(ss2d(strided, sliced, *rest, (1, 2)), expected)
    assert torch.equal(ss2d(shifted, projection, *rest, (1, 2)), expected)


@pytest.mark.parametrize("states", [4, 16])
def test_a_nan_stays_in_its_image(states):
    x, *rest = on_gpu(ss2d_inputs(3, 5, 7, 24, states), torch.float32)
    x[1, 2, 3, 5] = torch.nan
    leaf = x.requires_grad_()
    y = ss2d(leaf, *rest)
    y.sum().backward()
    assert y[1].isnan().any()
    assert y[::2].isfinite().all()
    assert leaf.grad[::2].isfinite().all()


@pytest.mark.parametrize("states", [4, 16])
def test_the_custom_op_keeps_pytorchs_rules(states):
    inputs = [tensor.requires_grad_() for tensor in on_gpu(ss2d_inputs(states=states), torch.float32)]
    torch.library.opcheck(ss2d_forward, (*inputs, list(ALL), True, "cuda"))


def test_kernels_are_loaded_while_a_graph_is_captured(monkeypatch):
    """The first pass of all may be the captured one: loading is no stream's work."""
    inputs = on_gpu(ss2d_inputs(2, 20, 23, 72, 16, 6), torch.bfloat16)
    expected = ss2d(*inputs)  # Triton's kernels around the scan are compiled
    monkeypatch.setattr(build, "_kernels", {})
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = ss2d(*inputs)
    y.zero_()
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(y, expected)


@pytest.mark.parametrize(
    ("dtype", "bound"), [(None, 1e-4), (torch.bfloat16, 4e-2), (torch.float16, 1e-2)], ids=str
)
def test_a_training_steps_gradients_are_tritons(dtype, bound, monkeypatch):
    """Every parameter's of one step together; half precision differs by rounding alone."""
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    torch.manual_seed(0)
    model = cipa.create_model("nano", image_size=128).cuda().eval()  # no drop paths
    ct, pet = torch.randn(2, 2, 1, 128, 128, device="cuda")
    mask = (torch.rand(2, 1, 128, 128, device="cuda") > 0.7).float()
    found = {}
    for backend in ("triton", "cuda"):
        model.zero_grad(set_to_none=True)
        with use_backend(backend), torch.autocast("cuda", dtype or torch.bfloat16, enabled=dtype is not None):
            logits = model(ct, pet)
        with use_backend(backend):
            (segmentation_loss(logits.float(), mask).mean() * 128).backward()
        found[backend] = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    assert relative_error(found["cuda"], found["triton"]) < bound
