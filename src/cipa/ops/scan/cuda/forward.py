"""The forward kernels: constants, arguments, launches.

Letters: B images, H x W map, L = H W, D channels, K directions, N states, S chunks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cipa.ops.scan.cuda.build import ELEMENTS, kernel_on
from cipa.ops.scan.cuda.driver import pack
from cipa.ops.scan.cuda.plan import Cut, Layout, stage_bytes
from cipa.ops.scan.triton.plan import SEGMENT

SCAN, ENDS, PASSES = 0, 1, 2
"""Modes of `forward.cu`."""


class Walks(NamedTuple):
    """What the kernels read, contiguous.

    Attributes:
        x: (B, L, D); for `PASSES` the upstream gradient.
        delta: softplus of the step, (B, L, K, D).
        values: B and C, (B, L, K, 2 N), float32.
        A_logs: (K, D, N), float32.
        skip: (K, D), float32.
        height: H.
        width: W.
        directions: K codes.
    """

    x: Tensor
    delta: Tensor
    values: Tensor
    A_logs: Tensor
    skip: Tensor
    height: int
    width: int
    directions: Sequence[int]


def run_scan(walks: Walks, layout: Layout, cut: Cut, starts: Tensor | None, states: Tensor | None) -> Tensor:
    """Return y (B, L, K, D), float32 where x is float16; fill `states` where given.

    Args:
        walks: what is scanned.
        layout: of the kernel.
        cut: of the walks.
        starts: what enters each chunk, (B, S, K, N, D), where there are several.
        states: takes the state at each segment's start, (B, segments, K, N, D).
    """
    # A trained network's scans reach 1e10, beyond float16.
    wide = walks.x.dtype == torch.float16
    y = torch.empty_like(walks.delta, dtype=torch.float32 if wide else walks.x.dtype)
    _run(SCAN, walks, layout, cut, starts, states, None, None, y)
    return y


def run_chunk_ends(walks: Walks, layout: Layout, cut: Cut, mode: int) -> tuple[Tensor, Tensor]:
    """Return what leaves each chunk alone, (B, S, K, N, D), and the sums of its steps, (B, S, K, D).

    Args:
        walks: what is scanned.
        layout: of the kernel.
        cut: of the walks.
        mode: `ENDS`, or `PASSES` for the backward pass.
    """
    batch, _, count, channels = walks.delta.shape
    depth = walks.A_logs.shape[-1]
    ends = walks.values.new_empty(batch, cut.chunks, count, depth, channels)
    sums = torch.empty_like(ends[:, :, :, 0])
    _run(mode, walks, layout, cut, None, None, ends, sums, None)
    return ends, sums


def constants_of(walks: Walks, layout: Layout, mode: int, *, save: bool, starts: bool) -> dict[str, int]:
    """Return the constants of `forward.cu`."""
    return {
        "N": walks.A_logs.shape[-1],
        "K": len(walks.directions),
        "INPUT": ELEMENTS[walks.x.dtype],
        "STEP": ELEMENTS[walks.delta.dtype],
        "LANES": layout.lanes,
        "WARPS": layout.warps,
        "T": layout.positions,
        "STAGES": layout.stages,
        "UNROLL": layout.unroll,
        "RESIDENT": layout.resident,
        "MODE": mode,
        "SAVE": int(save),
        "STARTS": int(starts),
    }


def shared_bytes(walks: Walks, layout: Layout) -> int:
    """Return the dynamic shared memory of a block: the ring and two barriers a stage."""
    stage = stage_bytes(
        layout.channels, layout.positions, walks.A_logs.shape[-1],
        walks.x.element_size(), walks.delta.element_size(),
    )  # fmt: skip
    return layout.stages * (stage + 16)


def direction_code(directions: Sequence[int]) -> int:
    """Return the K codes in two bits each."""
    return sum(direction << (2 * k) for k, direction in enumerate(directions))


def address(tensor: Tensor | None) -> int:
    """Return where a tensor lies; 0 for none."""
    return 0 if tensor is None else tensor.data_ptr()


def stream_of(device: torch.device) -> int:
    """Return the handle of PyTorch's current stream."""
    return torch.cuda.current_stream(device).cuda_stream if device.type == "cuda" else 0


def _run(
    mode: int,
    walks: Walks,
    layout: Layout,
    cut: Cut,
    starts: Tensor | None,
    states: Tensor | None,
    ends: Tensor | None,
    sums: Tensor | None,
    y: Tensor | None,
) -> None:
    batch, _, count, channels = walks.delta.shape
    kernel = kernel_on(
        walks.x.device, "forward",
        constants_of(walks, layout, mode, save=states is not None, starts=starts is not None),
        layout.warps * 32 + 32, shared_bytes(walks, layout),
    )  # fmt: skip
    # The kernel's order: x, delta, values, A_logs, skip, starts, states, ends, sums, y; 0 for what it
    # does not touch.
    pointers = tuple(map(address, (*walks[:5], starts, states, ends, sums, y)))
    numbers = (
        batch, cut.images, walks.height, walks.width, channels, cut.chunk, cut.chunks, SEGMENT,
        direction_code(walks.directions),
    )  # fmt: skip
    # Blocks of channels innermost: neighbours read the same rows of B and C, from the cache then.
    blocks = -(-batch // cut.images) * cut.chunks * count * -(-channels // layout.channels)
    kernel.launch(blocks, stream_of(walks.x.device), pack(pointers, numbers))
