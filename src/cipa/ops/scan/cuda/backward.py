"""The backward kernel: constants, buffers, launch.

Letters: B images, H x W map, L = H W, D channels, K directions, N states, S chunks.
"""

import torch
from torch import Tensor

from cipa.ops.scan.cuda.backward_plan import BackwardLayout
from cipa.ops.scan.cuda.build import ELEMENTS, kernel_on
from cipa.ops.scan.cuda.driver import pack
from cipa.ops.scan.cuda.forward import Walks, address, direction_code, stream_of
from cipa.ops.scan.cuda.plan import Cut
from cipa.ops.scan.gradients import WalkGradients
from cipa.ops.scan.triton.plan import SEGMENT


def run_backward(
    walks: Walks, dy: Tensor, layout: BackwardLayout, cut: Cut, states: Tensor, passes: Tensor | None
) -> WalkGradients:
    """Return the gradients of what was scanned.

    Args:
        walks: what was scanned.
        dy: upstream gradient, (B, L, D), contiguous.
        layout: of the kernel.
        cut: of the walks; a chunk is a multiple of the segment.
        states: the state at each segment's start, (B, segments, K, N, D); empty where that is all.
        passes: what enters each chunk from beyond its last position, (B, S, K, N, D), if there are several.
    """
    batch, length, count, channels = walks.delta.shape
    depth = walks.A_logs.shape[-1]
    row = -(-channels // layout.channels)
    groups = -(-batch // cut.images)
    blocks = groups * cut.chunks * count * row
    dx, d_raw = torch.empty_like(walks.delta), torch.empty_like(walks.delta)
    # A part for each block of channels, added up by the dt projection's backward kernel in a fixed order:
    # no atomic additions, the same bits from run to run.
    dvalues = walks.values.new_empty(batch, length, count, row, 2 * depth)
    # A part for each group of images and chunk, likewise.
    dA_logs = walks.values.new_empty(groups, cut.chunks, count, depth, channels)
    dbias, dskip = (torch.empty_like(dA_logs[:, :, :, 0]) for _ in range(2))
    # (blocks, tiles, threads, values a thread): every TILE-th state of the segment that is replayed
    scratch = walks.values.new_empty(blocks, *layout.scratch_shape(depth))
    kernel = kernel_on(
        walks.x.device, "backward",
        backward_constants(walks, dy, layout, saved=states.numel() > 0, passed=passes is not None),
        layout.threads, layout.shared_bytes(depth, walks.x.element_size(), dy.element_size()),
    )  # fmt: skip
    x, delta, values, A_logs, skip, height, width, directions = walks
    pointers = (
        x,
        delta,
        values,
        dy,
        A_logs,
        skip,
        states,
        passes,
        scratch,
        dx,
        d_raw,
        dvalues,
        dA_logs,
        dbias,
        dskip,
    )
    numbers = (
        batch, cut.images, height, width, channels, cut.chunk, cut.chunks, direction_code(directions),
    )  # fmt: skip
    kernel.launch(blocks, stream_of(x.device), pack(tuple(map(address, pointers)), numbers))
    return WalkGradients(dx, d_raw, dvalues, dA_logs, dbias, dskip)


def backward_constants(
    walks: Walks, dy: Tensor, layout: BackwardLayout, *, saved: bool, passed: bool
) -> dict[str, int]:
    """Return the constants of `backward.cu`."""
    return {
        "N": walks.A_logs.shape[-1],
        "K": len(walks.directions),
        "INPUT": ELEMENTS[walks.x.dtype],
        "UPSTREAM": ELEMENTS[dy.dtype],
        "LANES": layout.lanes,
        "WARPS": layout.warps,
        "T": layout.positions,
        "TILE": layout.tile,
        "STAGES": layout.stages,
        "RESIDENT": layout.resident,
        "SEGMENT": SEGMENT,
        "SAVED": int(saved),
        "PASSED": int(passed),
    }
