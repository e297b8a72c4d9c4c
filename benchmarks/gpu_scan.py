"""The scan alone, without dt projection and sum over directions: the CUDA kernels beside Triton's."""

import statistics
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.gpu_ops import draw, exponential_limit
from benchmarks.gpu_timing import replayed
from benchmarks.harness import Row, require
from cipa.ops.scan.cuda import launch
from cipa.ops.scan.gradients import WalkGradients
from cipa.ops.scan.parameters import ScanInput, ScanParameters
from cipa.ops.scan.triton.inputs import Prepared, prepare
from cipa.ops.scan.triton.launch import backward_prepared, scan_prepared

SHAPES = {  # images, side, D, N, R
    "stage 0, B 32": (32, 128, 192, 16, 6),
    "stage 1, B 32": (32, 64, 384, 16, 12),
    "stage 2, B 32": (32, 32, 768, 16, 24),
    "stage 3, B 32": (32, 16, 1536, 16, 48),
    "stage 0, B 4": (4, 128, 192, 16, 6),
    "stage 0, B 8": (8, 128, 192, 16, 6),
    "stage 0, B 2": (2, 128, 192, 16, 6),
    "stage 1, B 8": (8, 64, 384, 16, 12),
    "stage 2, B 8": (8, 32, 768, 16, 24),
    "stage 3, B 8": (8, 16, 1536, 16, 48),
    "stage 1, B 2": (2, 64, 384, 16, 12),
    "stage 2, B 2": (2, 32, 768, 16, 24),
    "stage 3, B 2": (2, 16, 1536, 16, 48),
    "16384 windows": (16384, 4, 192, 16, 6),
    "4096 windows": (4096, 4, 192, 16, 6),
    "1024 windows": (1024, 4, 192, 16, 6),
    "decoder, 128 x 128, B 16": (16, 128, 192, 4, 6),
    "decoder, 64 x 64, B 16": (16, 64, 384, 4, 12),
    "decoder, 32 x 32, B 16": (16, 32, 768, 4, 24),
    "decoder, 128 x 128, B 4": (4, 128, 192, 4, 6),
    "decoder, 64 x 64, B 4": (4, 64, 384, 4, 12),
    "decoder, 32 x 32, B 4": (4, 32, 768, 4, 24),
    "decoder, 128 x 128, B 1": (1, 128, 192, 4, 6),
    "decoder, 64 x 64, B 1": (1, 64, 384, 4, 12),
    "decoder, 32 x 32, B 1": (1, 32, 768, 4, 24),
    "base, stage 0, B 32": (32, 128, 256, 16, 8),
}
ALL = (0, 1, 2, 3)
"""Directions."""

FLOAT32 = ("stage 0, B 32", "stage 1, B 32", "stage 0, B 4", "decoder, 128 x 128, B 16")
FLOAT16 = ("stage 1, B 32", "stage 0, B 4")
TARGETS = {
    "stage 0, B 32": ">= 65", "stage 1, B 32": ">= 72", "stage 2, B 32": ">= 72", "stage 3, B 32": ">= 72",
    "stage 0, B 4": ">= 36",
}  # fmt: skip
"""Of the forward scan in bfloat16, percent of the exponentials' limit."""

BACKWARD_TARGETS = {"stage 0, B 32": "<= 10"}
"""Milliseconds."""

ERROR = {torch.float32: 2e-5, torch.bfloat16: 8e-3, torch.float16: 1e-3}
"""Largest norm of the difference from Triton's over that of Triton's."""


class Case(NamedTuple):
    """A map ready to be scanned."""

    x: Tensor
    inputs: Prepared
    parameters: ScanParameters


def works(device: str) -> Iterator[Callable[[], list[Row]]]:
    """All shapes in bfloat16, some in float32 and float16; none without a GPU."""
    if device != "cuda":
        return
    for dtype, names in ((torch.bfloat16, SHAPES), (torch.float32, FLOAT32), (torch.float16, FLOAT16)):
        for name in names:
            yield partial(compare, name, dtype)


@torch.no_grad()
def compare(name: str, dtype: torch.dtype) -> list[Row]:
    """Hold both passes of one shape against Triton's, then time them by both backends."""
    x, projection, *tensors = draw(SHAPES[name], dtype, "cuda")
    parameters = ScanParameters(*tensors, ALL)
    case = Case(x, prepare(ScanInput(x, projection, parameters)), parameters)
    label = f"{name}, {str(dtype).removeprefix('torch.')}"
    limit = exponential_limit(SHAPES[name], "cuda")
    bfloat16 = dtype == torch.bfloat16
    old, new, states = forward(case, label, ERROR[dtype])
    goal = TARGETS.get(name, "") if bfloat16 else ""
    rows = [
        *_rows(f"{label}, forward", old, new),
        Row("gpu scan alone", f"{label}, forward", 100 * limit / new, "% of exp limit", 0, goal, on="cuda"),
    ]
    old, new = backward(case, states, label, ERROR[dtype])
    return rows + _rows(f"{label}, backward", old, new, BACKWARD_TARGETS.get(name, "") if bfloat16 else "")


def forward(case: Case, label: str, bound: float) -> tuple[float, float, Tensor]:
    """Return the milliseconds of Triton's and of the CUDA kernels, and the states kept for `backward`."""
    by_cuda = partial(launch.scan_walks, case.inputs, case.x, ALL)
    by_triton = partial(scan_prepared, case.inputs, case.x, ALL)
    y, states = by_cuda(True)
    error = relative(y, by_triton(False)[0])
    require(error < bound, f"scan of {label}: {error:.1e} from Triton's")
    return graph_ms(partial(by_triton, False)), graph_ms(partial(by_cuda, False)), states


def backward(case: Case, states: Tensor, label: str, bound: float) -> tuple[float, float]:
    """Return the milliseconds of Triton's and of the CUDA kernels."""
    upstream = torch.randn(case.inputs.x.shape, device="cuda").to(case.x.dtype)
    by_cuda = partial(launch.walk_back, case.inputs, upstream, case.x, ALL, states)
    by_triton = partial(backward_prepared, case.inputs, upstream, case.x, ALL, states)
    found, truth = summed(by_cuda()), summed(by_triton())
    for name in found:
        error = relative(found[name], truth[name])
        require(error < bound, f"gradient {name} of {label}: {error:.1e} from Triton's")
    del found, truth
    return graph_ms(by_triton), graph_ms(by_cuda)


def summed(walked: WalkGradients) -> dict[str, Tensor]:
    """Return the gradients without what depends on how a backend cuts the walks."""
    totals = {name: getattr(walked, name).sum((0, 1)) for name in ("dA_logs", "dbias", "dskip")}
    return {"dx": walked.dx, "d_raw": walked.d_raw, "dvalues": walked.dvalues.sum(3)} | totals


def relative(result: Tensor, truth: Tensor) -> float:
    """Return the norm of the difference over that of the truth; infinity where it is not a number."""
    result, truth = result.double(), truth.double()
    error = ((result - truth).norm() / truth.norm().clamp_min(1e-12)).item()
    return error if error == error else float("inf")


def graph_ms(work: Callable[[], object], most_ms: float = 40.0) -> float:
    """Return the median time of `work`, replayed as a CUDA graph several times between two events."""
    replay = replayed(work, "cuda")
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def once(times: int) -> float:
        before.record()
        for _ in range(times):
            replay()
        after.record()
        torch.cuda.synchronize()
        return before.elapsed_time(after) / times

    once(1)
    repeats = max(1, min(20, int(most_ms / 5 / max(once(1), 0.01))))
    return statistics.median(once(repeats) for _ in range(5))


def _rows(case: str, old: float, new: float, goal: str = "") -> list[Row]:
    return [
        Row("gpu scan alone", case, new, "ms", 0, goal, on="cuda"),
        Row("gpu scan alone", case, old / new, "Triton / CUDA", on="cuda"),
    ]
