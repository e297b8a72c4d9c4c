"""The ops on a GPU at the shapes of `tiny` for 512 x 512: the scan, and the passes around it.

A scan makes one exponential a state update, and a multiprocessor's special-function units 16 a clock.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.gpu_timing import milliseconds, replayed
from benchmarks.harness import Row, require
from cipa.ops import add_norm, depthwise_silu, ss2d, ss2d_norm_gate, upsample2, use_backend
from cipa.ops.scan.ss2d_reference import ss2d_reference

SHAPES = {  # name: batch, side, D, N, R
    "stage 0, B 4": (4, 128, 192, 16, 6),
    "stage 0, B 32": (32, 128, 192, 16, 6),
    "stage 1, B 8": (8, 64, 384, 16, 12),
    "stage 2, B 8": (8, 32, 768, 16, 24),
    "stage 3, B 8": (8, 16, 1536, 16, 48),
    "decoder, N 4, B 4": (4, 128, 192, 4, 6),
    "DCIM windows, B 4": (4096, 4, 192, 16, 6),
}
SMALL = {"small": (2, 9, 40, 16, 6)}
PUBLISHED_FORWARD = {"stage 0, B 4": 3.7}
"""Milliseconds of the published scan kernel alone, float32, on an H200, without its copies."""

CLOCK = 1.98e9
EXPONENTIALS_A_CLOCK = 16
"""Of an H200 or H100: highest clock in Hz, special-function results a clock and multiprocessor."""

FORWARD_ERROR = {torch.float32: 5e-6, torch.bfloat16: 1e-2}
GRADIENT_ERROR = {torch.float32: 3e-5, torch.bfloat16: 2e-2}


def works(device: str) -> Iterator[Callable[[], list[Row]]]:
    """Each shape's scan, then the fused passes."""
    for name, shape in (SHAPES if device == "cuda" else SMALL).items():
        yield partial(scan, name, shape, torch.bfloat16, device)
    for name, shape in (dict(list(SHAPES.items())[:1]) if device == "cuda" else SMALL).items():
        yield partial(scan, name, shape, torch.float32, device)
        yield partial(passes, name, shape, device)


def draw(shape: tuple[int, ...], dtype: torch.dtype, device: str) -> list[Tensor]:
    """Return the inputs of `ss2d`, map and projection in `dtype`, drawn on the device."""
    batch, side, channels, states, rank = shape
    make = torch.Generator(device).manual_seed(0)
    normal = partial(torch.randn, generator=make, device=device)
    A_logs = torch.log(torch.arange(1, states + 1.0, device=device)).expand(4, channels, states)
    return [
        normal(batch, side, side, channels).to(dtype),
        normal(batch, side, side, 4, rank + 2 * states).to(dtype),
        normal(4, channels, rank) * rank**-0.5,
        normal(4, channels) - 4,
        A_logs.contiguous(),
        torch.ones(4, channels, device=device),
    ]


def scan(name: str, shape: tuple[int, ...], dtype: torch.dtype, device: str) -> list[Row]:
    """Check the scan and its gradients, then time forward alone (replayed) and with backward."""
    check_small(dtype, device)
    inputs = draw(shape, dtype, device)
    check_first_image(name, inputs, dtype)
    kind = str(dtype).removeprefix("torch.")
    with torch.no_grad():
        forward, spread = milliseconds(replayed(lambda: ss2d(*inputs), device), device, repeats=15)
    leaves = [tensor.requires_grad_() for tensor in inputs]
    upstream = torch.ones_like(inputs[0])
    both, both_spread = milliseconds(
        lambda: torch.autograd.grad(ss2d(*leaves), leaves, upstream), device, repeats=7
    )
    limit = exponential_limit(shape, device)
    op = f"gpu ss2d, {kind}"
    goal = ">= 50" if name == "stage 0, B 4" else ""
    published = PUBLISHED_FORWARD.get(name) if dtype == torch.float32 else None
    return [
        Row(op, f"{name}, forward, graph", forward, "ms", spread, "", published, on=device),
        Row(op, f"{name}, forward, graph", 100 * limit / forward, "% of exp limit", 0, goal, on=device),
        Row(op, f"{name}, forward + backward", both, "ms", both_spread, on=device),
    ]


def exponential_limit(shape: tuple[int, ...], device: str) -> float:
    """Return the milliseconds the GPU's special-function units need for one exponential a state update."""
    batch, side, channels, states, _ = shape
    units = torch.cuda.get_device_properties(0).multi_processor_count if device == "cuda" else 2
    return 1e3 * batch * side * side * 4 * channels * states / (units * EXPONENTIALS_A_CLOCK * CLOCK)


def check_small(dtype: torch.dtype, device: str) -> None:
    """Hold output and every gradient on a small odd map against the float64 loop."""
    inputs = draw(SMALL["small"], dtype, device)
    leaves = [tensor.requires_grad_() for tensor in inputs]
    wide = [tensor.detach().double().requires_grad_() for tensor in inputs]
    y, truth = ss2d(*leaves), ss2d_reference(*wide)
    require(_error(y, truth) < FORWARD_ERROR[dtype], f"scan of a small map in {dtype} is wrong")
    found = torch.autograd.grad(y, leaves, torch.ones_like(y))
    expected = torch.autograd.grad(truth, wide, torch.ones_like(truth))
    for place, (one, other) in enumerate(zip(found, expected, strict=True)):
        error = _error(one, other)
        require(
            error < GRADIENT_ERROR[dtype], f"gradient {place} of the scan in {dtype} is off by {error:.1e}"
        )


def check_first_image(name: str, inputs: list[Tensor], dtype: torch.dtype) -> None:
    """Hold the first image of the batch at its real size against the CPU kernel in float32."""
    first = [tensor[:1] if place < 2 else tensor for place, tensor in enumerate(inputs)]
    with torch.no_grad(), use_backend("cpu"):
        expected = ss2d(*(tensor.float().cpu() for tensor in first))
    with torch.no_grad():
        error = _error(ss2d(*inputs)[:1].cpu(), expected)
    require(error < FORWARD_ERROR[dtype], f"scan of {name} in {dtype} is off by {error:.1e}")


def passes(name: str, shape: tuple[int, ...], device: str) -> list[Row]:
    """Time the fused passes in bfloat16 as replayed graphs against the bytes they must move."""
    inputs = draw(shape, torch.bfloat16, device)
    x, channels = inputs[0], shape[2]
    weight, bias = torch.randn(2, channels, device=device)
    maps = [x, x.flip(0)]
    parameters = [torch.randn(channels, 1, 3, 3, device=device), weight, bias]
    cases = {  # name: (op of the maps and parameters, maps it must read and write)
        "depthwise + SiLU": (lambda x, _y, taps, _w, bias: depthwise_silu(x, taps, bias), 2),
        "sum + LayerNorm": (lambda x, y, _taps, weight, bias: add_norm(x, y, None, weight, bias)[1], 4),
        "upsample x2": (lambda x, *_: upsample2(x), 5),
    }
    narrow = [*maps, *(tensor.to(x.dtype) for tensor in parameters)]
    wide = [tensor.double() for tensor in [x[:1], x.flip(0)[:1], *parameters]]
    rows = []
    with torch.no_grad():
        for title, (op, count) in cases.items():
            with use_backend("reference"):
                require(
                    _error(op(*narrow)[:1], op(*wide)) < 1e-2, f"{title} at {name}: PyTorch's form is wrong"
                )
                slow, _ = milliseconds(replayed(partial(op, *narrow), device), device)
            require(_error(op(*narrow)[:1], op(*wide)) < 1e-2, f"{title} at {name} is wrong")
            fast, spread = milliseconds(replayed(partial(op, *narrow), device), device, repeats=15)
            case = f"{title}, {name}, graph"
            rate = count * x.numel() * x.element_size() / fast / 1e6
            rows += [
                Row("gpu pass, bfloat16", case, fast, "ms", spread, on=device),
                Row("gpu pass, bfloat16", case, rate, "GB/s", on=device),
                Row("gpu pass, bfloat16", case, slow / fast, "PyTorch / ours", on=device),
            ]
        rows.append(_gated(name, inputs, maps[1], weight, bias, device))
    return rows


def _gated(name: str, inputs: list[Tensor], gate: Tensor, weight: Tensor, bias: Tensor, device: str) -> Row:
    gated = [*inputs, gate, weight, bias]
    parts = F.layer_norm(ss2d(*inputs).float(), weight.shape, weight, bias) * F.silu(gate.float())
    require(_error(ss2d_norm_gate(*gated), parts) < 2e-2, f"scan + norm + gate at {name} is wrong")
    fast, spread = milliseconds(replayed(lambda: ss2d_norm_gate(*gated), device), device, repeats=15)
    return Row("gpu pass, bfloat16", f"scan + norm + gate, {name}, graph", fast, "ms", spread, on=device)


def _error(result: Tensor, truth: Tensor) -> float:
    error = ((result.double() - truth.double()).norm() / truth.double().norm()).item()
    return error if error == error else float("inf")
