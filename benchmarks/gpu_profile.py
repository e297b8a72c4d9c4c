"""Where the GPU's time goes: kernels of one pass grouped by what they do, each group beside its limit.

Limits of `tiny` at 512 x 512, a pair: 2.98 G state updates of the scan, one exponential each; 147 GFLOP of
products and convolutions. A training step takes three times the products and, as the backward scan makes its
states anew, four times the exponentials.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch
from torch.profiler import ProfilerActivity, profile

import cipa
from benchmarks.gpu_network import build, draw_pairs, training_step
from benchmarks.gpu_ops import CLOCK, EXPONENTIALS_A_CLOCK
from benchmarks.gpu_timing import Work, milliseconds
from benchmarks.harness import Row

GROUPS = {  # in this order: the first whose pattern a kernel's name holds
    "scan": r"scan_(chunks|forward|backward)|chunk_ends|join_chunks|chunk_states_backward|sum_directions",
    "dt projection": r"dt_projection_forward|weight_backward|projection_backward",
    "copies": r"memcpy|memset|copy_kernel|CatArray|nchwToNhwc|nhwcToNchw|transpose",
    "convolution": r"depthwise|conv|fprop|dgrad|wgrad|im2col",
    "GEMM": r"^product|project_pieces|gemm|gemv|cutlass|cublas|nvjet|splitK",
    "norm/elementwise": "",
}
UPDATES_A_PAIR = 2.98e9
FLOP_A_PAIR = 147e9
DENSE_RATE = 790e12
"""Of bfloat16 products on an H200, in FLOP a second, as large GEMM reach it."""

Span = tuple[str, float, float]
"""A kernel: name, start and end in microseconds."""


def works(device: str) -> Iterator[Callable[[], list[Row]]]:
    """Profile inference and training; on a CPU small ones, to see that it runs."""
    yield partial(inference, *(("tiny", 16) if device == "cuda" else ("nano", 1)), device)
    yield partial(training, *(("tiny", 4) if device == "cuda" else ("nano", 2)), device)


def inference(variant: str, batch: int, device: str) -> list[Row]:
    """Break down one compiled pass in bfloat16."""
    model = build(variant, device).eval()
    pair = draw_pairs(model, batch, device)
    compiled = cipa.compile_model(model, batch=batch, dtype="bf16")
    return breakdown(
        lambda: compiled(*pair), f"{variant} inference, {batch} x 512, bf16, graph", device, batch, 1, 1
    )


def training(variant: str, batch: int, device: str) -> list[Row]:
    """Break down one training step in bfloat16 autocast."""
    model = build(variant, device).train()
    step, _ = training_step(model, batch, device)
    return breakdown(step, f"{variant} training step, {batch} x 512, bf16 autocast", device, batch, 4, 3)


def breakdown(work: Work, name: str, device: str, batch: int, exponentials: int, dense: int) -> list[Row]:
    """Return the milliseconds of each group and of the gaps, whose sum is the wall time without the profiler.

    Args:
        work: what is profiled, once, after it was timed.
        name: of the rows.
        device: "cuda" or "cpu".
        batch: pairs.
        exponentials: a state update, forward and backward.
        dense: products and convolutions, as a multiple of a forward pass's.
    """
    wall, spread = milliseconds(work, device, repeats=5)
    groups = grouped(recorded(work, device))
    groups["gaps"] = max(0.0, wall - sum(groups.values()))
    units = torch.cuda.get_device_properties(0).multi_processor_count if device == "cuda" else 2
    scan = 1e3 * batch * exponentials * UPDATES_A_PAIR / (units * EXPONENTIALS_A_CLOCK * CLOCK)
    products = 1e3 * batch * dense * FLOP_A_PAIR / DENSE_RATE
    limits = {"scan": f"limit {scan:.3g}", "GEMM": f"limit {products:.3g} with convolution"}
    rows = [Row("gpu profile", f"{name}: {group}", ms, "ms", 0, limits.get(group, ""), on=device)
            for group, ms in groups.items()]  # fmt: skip
    return [*rows, Row("gpu profile", f"{name}: wall", wall, "ms", spread, on=device)]


def recorded(work: Work, device: str) -> list[Span]:
    """Run `work` once under PyTorch's profiler and return what ran on the GPU (on a CPU: its operators)."""
    kind = ProfilerActivity.CUDA if device == "cuda" else ProfilerActivity.CPU
    with profile(activities=[kind]) as trace:
        work()
        if device == "cuda":
            torch.cuda.synchronize()
    wanted = torch.autograd.DeviceType.CUDA if device == "cuda" else torch.autograd.DeviceType.CPU
    return [
        (event.name, event.time_range.start, event.time_range.end)
        for event in trace.events()
        if event.device_type == wanted and not getattr(event, "is_user_annotation", False)
    ]


def grouped(spans: Iterable[Span]) -> dict[str, float]:
    """Return the milliseconds of each of `GROUPS`; where two kernels overlap the first counts alone."""
    sums: dict[str, float] = defaultdict(float, dict.fromkeys(GROUPS, 0.0))
    busy_until = float("-inf")
    for name, start, end in sorted(spans, key=lambda span: span[1]):
        group = next(group for group, pattern in GROUPS.items() if re.search(pattern, name, re.IGNORECASE))
        sums[group] += max(0.0, end - max(start, busy_until)) / 1e3
        busy_until = max(busy_until, end)
    return dict(sums)
