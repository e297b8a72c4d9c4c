"""Times of the scan alone, without dt projection and sum over directions: CUDA kernels beside Triton's."""

import statistics
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks import scan_cuda_choices
from benchmarks.gpu_timing import replayed
from benchmarks.scan_cuda_gate import relative
from cipa.ops.scan.cuda import launch
from cipa.ops.scan.parameters import ScanParameters
from cipa.ops.scan.triton.inputs import Prepared, prepare
from cipa.ops.scan.triton.launch import backward_prepared, scan_prepared

SHAPES = {  # images, side, D, N, R
    "S0B32": (32, 128, 192, 16, 6),
    "S1B32": (32, 64, 384, 16, 12),
    "S2B32": (32, 32, 768, 16, 24),
    "S3B32": (32, 16, 1536, 16, 48),
    "S0B4": (4, 128, 192, 16, 6),
    "S0B8": (8, 128, 192, 16, 6),
    "S0B2": (2, 128, 192, 16, 6),
    "S1B8": (8, 64, 384, 16, 12),
    "S2B8": (8, 32, 768, 16, 24),
    "S3B8": (8, 16, 1536, 16, 48),
    "S1B2": (2, 64, 384, 16, 12),
    "S2B2": (2, 32, 768, 16, 24),
    "S3B2": (2, 16, 1536, 16, 48),
    "windows 16384": (16384, 4, 192, 16, 6),
    "windows 4096": (4096, 4, 192, 16, 6),
    "windows 1024": (1024, 4, 192, 16, 6),
    "N4 16x128": (16, 128, 192, 4, 6),
    "N4 16x64": (16, 64, 384, 4, 12),
    "N4 16x32": (16, 32, 768, 4, 24),
    "N4 4x128": (4, 128, 192, 4, 6),
    "N4 4x64": (4, 64, 384, 4, 12),
    "N4 4x32": (4, 32, 768, 4, 24),
    "N4 1x128": (1, 128, 192, 4, 6),
    "N4 1x64": (1, 64, 384, 4, 12),
    "N4 1x32": (1, 32, 768, 4, 24),
    "base S0B32": (32, 128, 256, 16, 8),
}
FLOAT32 = ("S0B32", "S1B32", "S0B4", "N4 16x128")
FLOAT16 = ("S1B32", "S0B4")


class Case(NamedTuple):
    """A map ready to be scanned."""

    x: Tensor
    inputs: Prepared
    parameters: ScanParameters


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    """All shapes in bfloat16, some in float32 and float16."""
    print(f"{scan_cuda_choices.apply()} choices of the sweep", flush=True)
    for name in SHAPES:
        yield name, partial(time_shape, name, torch.bfloat16)
    for name in FLOAT32:
        yield f"{name} float32", partial(time_shape, name, torch.float32)
    for name in FLOAT16:
        yield f"{name} float16", partial(time_shape, name, torch.float16)


@torch.no_grad()
def time_shape(name: str, dtype: torch.dtype, note: Callable[..., None]) -> None:
    """Compare forward, forward with states kept, and backward of one shape."""
    case = make(SHAPES[name], dtype)
    directions, limit = case.parameters.directions, limit_ms(SHAPES[name])
    label = f"{name} {str(dtype).removeprefix('torch.')}"
    for save in (False, True):
        ours = partial(launch.scan_walks, case.inputs, case.x, directions, save)
        theirs = partial(scan_prepared, case.inputs, case.x, directions, save)
        error = relative(ours()[0], theirs()[0])
        old, new = graph_ms(theirs), graph_ms(ours)
        note(
            f"{label} forward{', states kept' if save else ''}", triton_ms=old, cuda_ms=new, faster=old / new,
            percent_of_limit=100 * limit / new, triton_percent=100 * limit / old, error=error,
        )  # fmt: skip
    y, states = launch.scan_walks(case.inputs, case.x, directions, True)
    upstream = torch.randn(case.inputs.x.shape, device="cuda").to(y.dtype)
    del y
    ours = partial(launch.walk_back, case.inputs, upstream, case.x, directions, states)
    theirs = partial(backward_prepared, case.inputs, upstream, case.x, directions, states)
    found, truth = ours(), theirs()
    errors = [relative(found.dx, truth.dx), relative(found.d_raw, truth.d_raw)]
    errors.append(relative(found.dvalues.sum(3), truth.dvalues.sum(3)))
    errors += [relative(a.sum((0, 1)), b.sum((0, 1))) for a, b in zip(found[3:], truth[3:], strict=True)]
    del found, truth
    old, new = graph_ms(theirs), graph_ms(ours)
    note(
        f"{label} backward", triton_ms=old, cuda_ms=new, faster=old / new,
        percent_of_2_exp=100 * 2 * limit / new, error=max(errors),
    )  # fmt: skip


def make(shape: tuple[int, ...], dtype: torch.dtype) -> Case:
    """Draw a map and what the dt projection makes of it."""
    from benchmarks.gpu_ops import draw

    x, projection, *tensors = draw(shape, dtype, "cuda")
    parameters = ScanParameters(*tensors, (0, 1, 2, 3))
    return Case(x, prepare(x, projection, None, parameters), parameters)


def limit_ms(shape: tuple[int, ...]) -> float:
    """Return the milliseconds of one exponential a state update."""
    from benchmarks.gpu_ops import exponential_limit

    return exponential_limit(shape, "cuda")


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
