"""SS2D's scan alone, at the shapes the tiny network scans: time of a state update, forward and backward."""

import torch

from benchmarks.harness import Row, require, seconds
from cipa.ops import ss2d, use_backend
from cipa.ops.scan.ss2d_reference import ss2d_reference

SHAPES = {  # name: batch, side, D, N, R
    "encoder stage 0": (2, 128, 192, 16, 6),
    "encoder stage 2": (2, 32, 768, 16, 24),
    "encoder stage 3": (2, 16, 1536, 16, 48),
    "decoder, N 4": (1, 128, 192, 4, 6),
    "DCIM windows": (1024, 4, 192, 16, 6),
}


def draw(batch: int, side: int, channels: int, states: int, rank: int) -> list[torch.Tensor]:
    make = torch.Generator().manual_seed(0)
    A_logs = torch.log(torch.arange(1, states + 1.0)).expand(4, channels, states)
    return [
        torch.randn(batch, side, side, channels, generator=make),
        torch.randn(batch, side, side, 4, rank + 2 * states, generator=make),
        torch.randn(4, channels, rank, generator=make) * rank**-0.5,
        torch.randn(4, channels, generator=make) - 4,
        A_logs.contiguous(),
        torch.ones(4, channels),
    ]


def run() -> list[Row]:
    """Check a small map against the float64 reference, then time each shape."""
    small = draw(2, 9, 40, 16, 6)
    truth = ss2d_reference(*(tensor.double() for tensor in small))
    with use_backend("cpu"):
        require((ss2d(*small) - truth).norm() < 2e-6 * truth.norm(), "CPU scan differs from the reference")
        return [row for name, shape in SHAPES.items() for row in _time(name, shape)]


def _time(name: str, shape: tuple[int, int, int, int, int]) -> list[Row]:
    batch, side, channels, states, _ = shape
    updates = batch * side * side * 4 * channels * states
    inputs = draw(*shape)
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    upstream = torch.ones_like(inputs[0])

    def step() -> None:
        torch.autograd.grad(ss2d(*leaves), leaves, upstream)

    forward, forward_spread = seconds(lambda: ss2d(*inputs))
    both, both_spread = seconds(step, repeats=3)
    return [
        Row("ss2d forward", name, 1e9 * forward / updates, "ns/update", 1e9 * forward_spread / updates),
        Row("ss2d forward + backward", name, 1e9 * both / updates, "ns/update", 1e9 * both_spread / updates),
    ]
