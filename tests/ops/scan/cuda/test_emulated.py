"""The CUDA kernels' arithmetic, indices and waits on a CPU (`emulator.h`) against loops in float64."""

import pytest
import torch
import torch.nn.functional as F

from cipa.ops.scan.cuda import backward, forward
from cipa.ops.scan.cuda.backward import run_backward
from cipa.ops.scan.cuda.backward_plan import BackwardLayout
from cipa.ops.scan.cuda.forward import ENDS, PASSES, Walks, run_chunk_ends, run_scan
from cipa.ops.scan.cuda.plan import Cut, make_layout
from cipa.ops.scan.ss2d_reference import scan_order
from emulated_scan import COMPILER, emulate
from op_inputs import relative_error

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")

SEGMENT = 32
ROUNDED = {torch.float32: 3e-7, torch.bfloat16: 3e-3, torch.float16: 4e-4}
FORWARD = {  # images, H, W, D, N, directions; lanes, warps, positions; images a block
    "two lanes, tails, bfloat16": ((2, 5, 7, 72, 16, (0, 1, 2, 3)), torch.bfloat16, (2, 4, 32), 1),
    "two lanes, tails, float32": ((2, 5, 7, 72, 16, (0, 1, 2, 3)), torch.float32, (2, 4, 16), 2),
    "two lanes, float16": ((2, 5, 7, 72, 16, (0, 1)), torch.float16, (2, 4, 16), 2),
    "windows, images in turns": ((3, 4, 4, 40, 16, (0, 1, 2, 3)), torch.bfloat16, (1, 3, 16), 2),
    "four lanes, float16": ((1, 9, 11, 40, 16, (1, 2)), torch.float16, (4, 3, 32), 1),
    "N 4, one lane": ((1, 7, 19, 24, 4, (0, 3)), torch.float32, (1, 3, 16), 1),
    "N 4, two lanes": ((1, 7, 19, 24, 4, (0, 3)), torch.bfloat16, (2, 4, 32), 1),
    "one position": ((1, 1, 1, 8, 4, (0,)), torch.bfloat16, (1, 3, 16), 1),
}
BACKWARD = {  # the same; type of x, of the upstream gradient; lanes, warps; images a block, positions a chunk
    "bfloat16": ((2, 5, 7, 72, 16, (0, 1, 2, 3)), torch.bfloat16, torch.bfloat16, (4, 4), 1, None),
    "images in turns": ((3, 4, 4, 40, 16, (0, 3)), torch.float32, torch.float32, (4, 4), 2, None),
    "float16 beside float32": ((1, 9, 11, 40, 16, (1, 2)), torch.float16, torch.float32, (4, 3), 1, None),
    "chunks": ((2, 9, 11, 40, 16, (1, 2)), torch.float32, torch.float32, (4, 4), 1, 64),
    "N 4, images in turns": ((2, 9, 11, 40, 4, (1, 2)), torch.float32, torch.float32, (1, 1), 2, None),
    "N 4, chunks, bfloat16": ((2, 9, 11, 72, 4, (0, 3)), torch.bfloat16, torch.bfloat16, (1, 1), 1, 32),
    "one position": ((1, 1, 1, 8, 16, (0,)), torch.float16, torch.float16, (4, 4), 1, None),
}


SLOW = (
    *("two lanes, tails, float32", "two lanes, float16", "four lanes, float16", "N 4, two lanes"),
    *("images in turns", "float16 beside float32", "N 4, chunks, bfloat16"),
)
"""A kernel each, which takes two seconds to compile; the others have every code path once."""


def cases(listed):
    """Return the cases as parameters, by name."""
    return [
        pytest.param(*case, id=name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name, case in listed.items()
    ]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return tmp_path_factory.mktemp("emulated")


@pytest.fixture(params=[False, True], ids=["late copies", "early copies"], autouse=True)
def emulated(request, monkeypatch, compiled):
    emulate(monkeypatch, compiled, eager=request.param)
    for module in (forward, backward):
        monkeypatch.setattr(module, "SEGMENT", SEGMENT)


def draw(shape, dtype):
    batch, height, width, channels, states, directions = shape
    make = torch.Generator().manual_seed(0)
    length, count = height * width, len(directions)

    def normal(*sides):
        return torch.randn(*sides, generator=make)

    A_logs = torch.log(torch.arange(1, states + 1.0)).expand(count, channels, states)
    return Walks(
        normal(batch, length, channels).to(dtype),
        F.softplus(normal(batch, length, count, channels) - 1).to(dtype),
        normal(batch, length, count, 2 * states),
        (A_logs + 0.1 * normal(count, channels, states)).contiguous(),
        normal(count, channels), height, width, directions,
    )  # fmt: skip


def walk(x, delta, values, A_logs, skip, height, width, directions):
    """Return y (B, L, K, D) and the state before each position of a walk, (B, L, K, N, D), float64."""
    batch, channels, states = x.shape[0], x.shape[-1], A_logs.shape[-1]
    results, before = [], []
    for k, direction in enumerate(directions):
        order = scan_order(direction, height, width)
        rate, h = -torch.exp(A_logs[k]), x.new_zeros(batch, channels, states)
        at, kept = [], []
        u_k = x[:, :, k] if x.dim() == 4 else x
        for place in order:
            kept.append(h.transpose(1, 2))
            step, u, pair = delta[:, place, k], u_k[:, place], values[:, place, k, None]
            h = torch.exp(step[..., None] * rate) * h + (step * u)[..., None] * pair[..., :states]
            at.append((h * pair[..., states:]).sum(-1) + skip[k] * u)
        results.append(torch.stack(at, 1)[:, order.argsort()])
        before.append(torch.stack(kept, 1))
    return torch.stack(results, 2), torch.stack(before, 2)


def truth_of(walks):
    return walk(*(tensor.double() for tensor in walks[:5]), *walks[5:])


def carried_back(walks, dy):
    """Return p (B, L + 1, K, N, D): what each position of a walk hands to the one before it."""
    (batch, length, channels), states = walks.x.shape, walks.A_logs.shape[-1]
    p = torch.zeros(batch, length + 1, len(walks.directions), states, channels, dtype=torch.float64)
    for k, direction in enumerate(walks.directions):
        order = scan_order(direction, walks.height, walks.width)
        rate = -torch.exp(walks.A_logs[k].double()).t()
        for at in range(length - 1, -1, -1):
            place = order[at]
            decay = torch.exp(walks.delta[:, place, k].double()[:, None] * rate)
            out = walks.values[:, place, k, states:].double()[..., None]
            p[:, at, k] = decay * (out * dy[:, place].double()[:, None] + p[:, at + 1, k])
    return p


@pytest.mark.parametrize(("shape", "dtype", "layout", "images"), cases(FORWARD))
def test_the_forward_kernel_equals_the_loop(shape, dtype, layout, images):
    walks, size = draw(shape, dtype), dtype.itemsize
    lanes, warps, positions = layout
    made = make_layout(lanes, warps, positions, 4, 1, shape[4], size, size)
    y = run_scan(walks, made, Cut(walks.x.shape[1], 1, images), None, None)
    expected, _ = truth_of(walks)
    assert y.dtype == (torch.bfloat16 if dtype == torch.bfloat16 else torch.float32)
    assert relative_error(y, expected) < ROUNDED[y.dtype]


@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.float16, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("states", "lanes", "warps", "chunk"), [(16, 2, 4, 64), (4, 1, 3, 32)])
def test_chunks_and_kept_states_equal_the_loop(states, lanes, warps, chunk, dtype):
    walks = draw((2, 9, 11, 40, states, (1, 2)), dtype)
    batch, length, channels = walks.x.shape
    layout = make_layout(lanes, warps, 16, 4, 1, states, dtype.itemsize, dtype.itemsize)
    cut = Cut(chunk, -(-length // chunk), 1)
    expected, before = truth_of(walks)
    kept = torch.full((batch, -(-length // SEGMENT), 2, states, channels), torch.nan)
    y = run_scan(walks, layout, cut, before[:, ::chunk].float().contiguous(), kept)
    assert relative_error(y, expected) < ROUNDED[torch.float32]
    assert relative_error(kept, before[:, ::SEGMENT]) < ROUNDED[torch.float32]
    ends, sums = run_chunk_ends(walks, layout, cut, ENDS)
    assert relative_error(joined(ends, sums, walks.A_logs), before[:, ::chunk]) < ROUNDED[torch.float32]


def joined(ends, sums, A_logs):
    """Return what enters each chunk, from what leaves it alone."""
    rate = -torch.exp(A_logs.double()).transpose(1, 2)
    state, entering = torch.zeros_like(ends[:, 0], dtype=torch.float64), []
    for chunk in range(ends.shape[1]):
        entering.append(state)
        state = torch.exp(sums[:, chunk, :, None].double() * rate) * state + ends[:, chunk]
    return torch.stack(entering, 1)


@pytest.mark.parametrize("upstream", [torch.float16, torch.float32])
def test_the_first_pass_backwards_equals_the_loop(upstream):
    walks, chunk = draw((2, 9, 11, 40, 16, (1, 2)), torch.float16), 64
    length = walks.x.shape[1]
    dy = torch.randn(walks.x.shape, generator=torch.Generator().manual_seed(1)).to(upstream)
    layout = make_layout(2, 4, 16, 4, 1, 16, dy.element_size(), 2)
    cut = Cut(chunk, -(-length // chunk), 1)
    carried, sums = run_chunk_ends(walks._replace(x=dy), layout, cut, PASSES)
    expected = carried_back(walks, dy)
    rate = -torch.exp(walks.A_logs.double()).transpose(1, 2)
    whole = carried[:, 0] + torch.exp(sums[:, 0, :, None].double() * rate) * expected[:, chunk]
    assert relative_error(whole, expected[:, 0]) < ROUNDED[torch.float32]
    assert relative_error(carried[:, -1], expected[:, (cut.chunks - 1) * chunk]) < ROUNDED[torch.float32]


@pytest.mark.parametrize(("shape", "dtype", "upstream", "layout", "images", "chunk"), cases(BACKWARD))
def test_every_gradient_equals_autograds(shape, dtype, upstream, layout, images, chunk):
    walks = draw(shape, dtype)
    length = walks.x.shape[1]
    dy = torch.randn(walks.x.shape, generator=torch.Generator().manual_seed(1)).to(upstream)
    cut, carried = Cut(length, 1, images), None
    if chunk:
        cut = Cut(chunk, -(-length // chunk), 1)
        ends = [min((c + 1) * chunk, length) for c in range(cut.chunks)]
        carried = carried_back(walks, dy)[:, ends].float().contiguous()
    _, before = truth_of(walks)
    states = before[:, ::SEGMENT].float().contiguous() if length > SEGMENT else torch.empty(0)
    lanes, warps = layout
    made = BackwardLayout(lanes, warps, positions=16, tile=4, stages=3, resident=1)
    found = run_backward(walks, dy, made, cut, states, carried)
    dx, d_raw, dvalues, dA_logs, dskip = expected_gradients(walks, dy)
    assert relative_error(found.dx, dx) < ROUNDED[dtype]
    assert relative_error(found.d_raw, d_raw) < ROUNDED[dtype]
    assert relative_error(found.dvalues.sum(3), dvalues) < 5e-7
    assert relative_error(found.dskip.sum((0, 1)), dskip) < 5e-7
    assert relative_error(found.dbias.sum((0, 1)), d_raw.sum((0, 1))) < 1e-6
    if length > 1:  # else the state before is zero, and with it what A decays
        assert relative_error(found.dA_logs.sum((0, 1)).transpose(1, 2), dA_logs) < 1e-6


def expected_gradients(walks, dy):
    """Return those of x in each direction, raw step, values, A_logs and skip, by autograd in float64."""
    x, delta, values, A_logs, skip = (tensor.double() for tensor in walks[:5])
    raw = torch.log(torch.expm1(delta))
    each = x[:, :, None].expand(-1, -1, len(walks.directions), -1).contiguous()
    leaves = [tensor.clone().requires_grad_() for tensor in (each, raw, values, A_logs, skip)]
    each, raw, values, A_logs, skip = leaves
    y, _ = walk(each, F.softplus(raw), values, A_logs, skip, *walks[5:])
    return torch.autograd.grad((y.sum(2) * dy.double()).sum(), leaves)
