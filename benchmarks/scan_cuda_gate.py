"""Correctness of the CUDA scan on a GPU: the float64 loop on odd and hostile shapes, Triton's scan on all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from benchmarks.harness import require
from cipa.ops import ss2d, use_backend
from cipa.ops.scan import ss2d_reference as reference
from cipa.ops.scan.cuda import plan

NAMES = ("x", "projection", "dt_weight", "dt_bias", "A_logs", "Ds")
ALL = (0, 1, 2, 3)
ODD = {  # images, height, width, D, N, directions
    "tails, two images": (2, 20, 23, 200, 16, ALL),
    "one pixel": (1, 1, 1, 8, 16, ALL),
    "one row": (2, 1, 67, 24, 16, (0, 2, 1, 3)),
    "one column": (1, 67, 1, 40, 16, ALL),
    "windows": (33, 4, 4, 72, 16, ALL),
    "N 4": (2, 20, 23, 200, 4, ALL),
    "N 4, one direction": (9, 4, 5, 24, 4, (3,)),
    "two directions": (2, 7, 9, 40, 16, (1, 2)),
    "segments": (1, 61, 9, 72, 16, ALL),
    "N 4, segments": (2, 61, 9, 72, 4, ALL),
}
LARGE = {
    "stage 0, 4 images": (4, 128, 128, 192, 16, ALL),
    "stage 1, 8 images": (8, 64, 64, 384, 16, ALL),
    "stage 3, 32 images": (32, 16, 16, 1536, 16, ALL),
    "windows of DCIM": (4096, 4, 4, 192, 16, ALL),
    "decoder, 1 image": (1, 128, 128, 192, 4, ALL),
    "decoder, 16 images": (16, 64, 64, 384, 4, ALL),
}
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
AGAINST_LOOP = {torch.float32: (2e-6, 5e-6), torch.bfloat16: (1e-2, 2e-2), torch.float16: (1.5e-3, 3e-3)}
AGAINST_TRITON = {torch.float32: (3e-6, 2e-5), torch.bfloat16: (4e-3, 8e-3), torch.float16: (5e-4, 1e-3)}
"""Largest norm of the error over that of the truth, of output and gradients."""


SAMPLE = (
    ("tails, two images", 0), ("tails, two images", 2), ("windows", 2), ("one column", 0), ("N 4", 1),
    ("N 4", 0), ("segments", 0), ("N 4, segments", 1), ("two directions", 0),
)  # fmt: skip
CUT_SAMPLE = (
    ("tails, two images", 0), ("tails, two images", 2), ("N 4, segments", 0), ("N 4, segments", 1),
)  # fmt: skip
LARGE_SAMPLE = (
    ("stage 0, 4 images", 1), ("windows of DCIM", 1), ("decoder, 16 images", 1), ("stage 3, 32 images", 2),
    ("decoder, 1 image", 0), ("stage 1, 8 images", 1),
)  # fmt: skip


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    """Shapes of networks, small ones, small ones cut into chunks."""
    for name, number in LARGE_SAMPLE:
        yield f"{name}, {short(DTYPES[number])}", partial(check_large, name, LARGE[name], DTYPES[number])
    for name, number in SAMPLE:
        yield f"{name}, {short(DTYPES[number])}", partial(check_odd, name, ODD[name], DTYPES[number])
    for name, number in CUT_SAMPLE:
        yield f"chunks, {name}, {short(DTYPES[number])}", partial(check_cut, name, ODD[name], DTYPES[number])
    yield "NaN stays in its image", check_nan


def check_odd(
    name: str, shape: tuple, dtype: torch.dtype, note: Callable[..., None], hostile: str = ""
) -> None:
    """Hold output and gradients against the float64 loop; twice the same bits."""
    inputs, directions = draw(shape, dtype, hostile), shape[-1]
    upstream = torch.randn(inputs[0].shape, generator=torch.Generator("cuda").manual_seed(1), device="cuda")
    upstream = upstream.to(dtype)
    with nan_scratch():
        found = both(inputs, directions, upstream, "cuda")
        again = both(inputs, directions, upstream, "cuda")
    wide = [tensor.double() for tensor in inputs]
    truth = gradients(lambda *a: reference.ss2d_reference(*a, directions), wide, upstream.double())
    label = f"{name}, {short(dtype)}"
    forward, backward = AGAINST_LOOP[dtype]
    scale = 20 if hostile else 1  # there the rounding of the dt projection's product alone makes as much
    bounds = forward * scale, backward * scale
    report(label, "loop", found, truth, bounds, note, same_bits(found, again))


def check_cut(name: str, shape: tuple, dtype: torch.dtype, note: Callable[..., None]) -> None:
    """The same with walks cut into chunks of one segment."""
    names = ("LONG_WALK", "FEW_WALKS", "FEW_WALKS_OF_4", "CHUNK")
    before = {key: getattr(plan, key) for key in names}
    few = {"LONG_WALK": 4, "FEW_WALKS": 1 << 40, "FEW_WALKS_OF_4": 1 << 40, "CHUNK": plan.SEGMENT}
    try:
        set_rule(few)
        check_odd(f"chunks, {name}", shape, dtype, note)
    finally:
        set_rule(before)


def set_rule(values: dict[str, int]) -> None:
    """Set constants of the rule."""
    for key, value in values.items():
        setattr(plan, key, value)
    plan.forward_plan.cache_clear()
    plan.backward_plan.cache_clear()


def check_large(name: str, shape: tuple, dtype: torch.dtype, note: Callable[..., None]) -> None:
    """Hold output and gradients of a network's shape against Triton; twice the same bits."""
    inputs = draw(shape, dtype)
    upstream = torch.randn_like(inputs[0])
    found = both(inputs, shape[-1], upstream, "cuda")
    bits = same_bits(found, both(inputs, shape[-1], upstream, "cuda"))
    triton = both(inputs, shape[-1], upstream, "triton")
    report(f"{name}, {short(dtype)}", "Triton", found, triton, AGAINST_TRITON[dtype], note, bits)


def check_nan(note: Callable[..., None]) -> None:
    """A NaN in one image leaves the others finite."""
    x, *rest = draw((3, 5, 7, 24, 16, ALL), torch.float32)
    x[1, 2, 3, 5] = torch.nan
    leaf = x.requires_grad_()
    with use_backend("cuda"):
        y = ss2d(leaf, *rest, ALL)
    (dx,) = torch.autograd.grad(y.sum(), leaf)
    good = [0, 2]
    fine = y[good].isfinite().all().item() and dx[good].isfinite().all().item()
    note("NaN stays in its image", others_finite=fine, seen=y[1].isnan().any().item())
    require(fine and y[1].isnan().any().item(), "a NaN left its image, or was lost")


def draw(shape: tuple, dtype: torch.dtype, hostile: str = "") -> list[Tensor]:
    """Return the inputs of `ss2d` on the GPU."""
    batch, height, width, channels, states, directions = shape
    count, rank = len(directions), 6  # one rank: the dt projection's kernels are compiled for each
    normal = partial(torch.randn, generator=torch.Generator("cuda").manual_seed(0), device="cuda")
    A_logs = torch.log(torch.arange(1, states + 1.0, device="cuda")).expand(count, channels, states)
    x = normal(batch, height, width, channels)
    projection = normal(batch, height, width, count, rank + 2 * states)
    bias = normal(count, channels) - 3
    if hostile == "large steps":
        bias = bias + 30
    elif hostile == "no steps":
        bias = bias - 60
    elif hostile == "large values":
        x, projection = x * 1e3, projection * 10
    return [
        x.to(dtype), projection.to(dtype), normal(count, channels, rank) * rank**-0.5, bias,
        A_logs + 0.1 * normal(count, channels, states), normal(count, channels),
    ]  # fmt: skip


def both(inputs: list[Tensor], directions: tuple, upstream: Tensor, backend: str) -> list[Tensor]:
    """Return the output and every gradient by a backend."""
    with use_backend(backend):
        return gradients(lambda *a: ss2d(*a, directions), inputs, upstream)


def gradients(op: Callable[..., Tensor], inputs: list[Tensor], upstream: Tensor) -> list[Tensor]:
    """Return the output of `op` and the gradient of every input."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    output = op(*leaves)
    return [output.detach(), *torch.autograd.grad(output, leaves, upstream)]


def report(
    name: str,
    against: str,
    found: list[Tensor],
    truth: list[Tensor],
    bounds: tuple[float, float],
    note: Callable[..., None],
    bits: bool | None = None,
) -> None:
    """Note the errors of all tensors; say of each that is off where and how."""
    errors = [relative(a, b) for a, b in zip(found, truth, strict=True)]
    values = dict(zip(("y", *NAMES), (f"{error:.1e}" for error in errors), strict=True))
    wrong = [place for place, error in enumerate(errors) if not error <= bounds[place > 0]]
    note(f"{name} / {against}", ok=not wrong, **({} if bits is None else {"same_bits": bits}), **values)
    for place in wrong:
        a, b = found[place].double(), truth[place].double()
        off = ~((a - b).abs() <= 10 * bounds[place > 0] * b.abs().clamp_min(b.norm() / b.numel() ** 0.5))
        where = off.nonzero()
        first = tuple(where[0].tolist()) if len(where) else ()
        spread = [sorted(set(column.tolist()))[:12] for column in where.t()] if len(where) else []
        note(
            f"   {('y', *NAMES)[place]} is off", shape=tuple(a.shape), wrong=len(where), first=first,
            found=a[first].item() if first else None, truth=b[first].item() if first else None,
            not_finite=int((~a.isfinite()).sum()), indices=spread,
        )  # fmt: skip
    require(not wrong and bits is not False, f"{name} against {against}: {values}, same bits: {bits}")


def relative(result: Tensor, truth: Tensor) -> float:
    result, truth = result.double(), truth.double()
    error = ((result - truth).norm() / truth.norm().clamp_min(1e-12)).item()
    return error if error == error else float("inf")


def same_bits(first: list[Tensor], again: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


@contextmanager
def nan_scratch() -> Iterator[None]:
    """Fresh memory holds NaN: what a kernel reads before it writes shows."""
    kept = torch.empty, torch.empty_like, torch.Tensor.new_empty

    def filled(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def empty(*arguments: object, **options: object) -> Tensor:
            fresh = make(*arguments, **options)
            return fresh.fill_(torch.nan) if fresh.is_floating_point() else fresh

        return empty

    torch.empty, torch.empty_like, torch.Tensor.new_empty = map(filled, kept)
    try:
        yield
    finally:
        torch.empty, torch.empty_like, torch.Tensor.new_empty = kept
