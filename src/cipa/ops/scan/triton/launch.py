"""From tensors to the Triton scan and back: shapes, buffers, grids.

Letters: B images, H x W grid, L = H W, D channels, K directions, R rank of the step, N states, S chunks.
"""

from collections.abc import Sequence

import torch
import triton
from torch import Tensor

from cipa.ops.fused.partial_sums_triton import sum_parts
from cipa.ops.scan.gradients import ScanGradients, WalkGradients
from cipa.ops.scan.parameters import ScanInput
from cipa.ops.scan.triton.backward import scan_chunks_backward
from cipa.ops.scan.triton.chunk_states import join_chunks
from cipa.ops.scan.triton.chunk_states_backward import chunk_states_backward
from cipa.ops.scan.triton.dt_projection_backward import dt_projection_gradients
from cipa.ops.scan.triton.forward import AHEAD, chunk_ends, scan_chunks
from cipa.ops.scan.triton.inputs import Prepared, prepare
from cipa.ops.scan.triton.merge_directions import merge_directions
from cipa.ops.scan.triton.plan import (
    CHANNELS,
    JOINED,
    SCAN_REGISTERS,
    SEGMENT,
    Plan,
    plan_backward,
    plan_scan,
)


def state_shape(
    batch: int, length: int, channels: int, directions: int, states: int, device: torch.device
) -> tuple[int, ...]:
    """Return the shape (B, segments, K, N, D) of the kept states; empty where a walk is one segment."""
    segments = -(-length // SEGMENT)
    return (batch, segments, directions, states, channels) if segments > 1 else (0, 0, 0, 0, 0)


def launch_forward(scan: ScanInput, save: bool) -> tuple[Tensor, Tensor]:
    """Scan a map on a GPU along every direction and sum; see `launch_scan`."""
    y, saved = launch_scan(scan, save)
    return merge_directions(y).view(scan.x.shape).to(scan.x.dtype), saved


def launch_scan(scan: ScanInput, save: bool) -> tuple[Tensor, Tensor]:
    """Scan a map on a GPU; state and exponential in float32.

    Args:
        scan: what it reads, in float32, bfloat16 or float16.
        save: keep the state at the start of each segment for `launch_backward`.

    Returns:
        y (B, L, K, D), each direction at its pixel, in x's type or, for float16, in float32: a trained
        network's scan reaches 1e10, float16 ends at 65504. And the kept states (empty unless saved).
    """
    return scan_prepared(prepare(scan), scan.x, scan.parameters.directions, save)


def scan_prepared(
    inputs: Prepared, x: Tensor, directions: Sequence[int], save: bool
) -> tuple[Tensor, Tensor]:
    """Return what `launch_scan` returns, from what `prepare` made of its arguments."""
    batch, length, count, channels = inputs.delta.shape
    states = inputs.A_logs.shape[-1]
    plan = plan_scan(batch, length, channels, count, states, x.device)
    starts = _chunk_borders(chunk_ends, inputs.x, inputs, plan, x, directions, states)
    saved = new_states(inputs, save)
    y = torch.empty_like(inputs.delta, dtype=torch.float32 if x.dtype == torch.float16 else x.dtype)
    scan_chunks[_grid(batch, plan, count, channels)](
        *inputs[:4], 1, inputs.skip, starts, saved, y, _sink(_grid(batch, plan, count, channels), x),
        batch, plan.images, x.shape[1], x.shape[2], channels, plan.chunk, plan.chunks, SEGMENT,
        **_constants(count, states, directions), SAVE=saved.numel() > 0, num_warps=1,
        maxnreg=SCAN_REGISTERS[states >= 16],
    )  # fmt: skip
    return y, saved


def launch_backward(scan: ScanInput, dy: Tensor, states: Tensor) -> ScanGradients:
    """Return the gradients of `launch_forward`.

    Args:
        scan: what the forward pass read.
        dy: gradient of the output, (B, H, W, D).
        states: what `launch_forward` saved.

    Returns:
        The gradient of every tensor.
    """
    inputs = prepare(scan)
    upstream = dy.reshape(inputs.x.shape).contiguous()
    walked = backward_prepared(inputs, upstream, scan.x, scan.parameters.directions, states)
    return sum_gradients(walked, scan)


def backward_prepared(
    inputs: Prepared, upstream: Tensor, x: Tensor, directions: Sequence[int], states: Tensor
) -> WalkGradients:
    """Run the backward pass over what `prepare` made of the arguments of `launch_backward`.

    Args:
        inputs: what the forward pass read.
        upstream: gradient of the output, (B, L, D), contiguous.
        x: (B, H, W, D).
        directions: K codes.
        states: what the forward pass saved.
    """
    batch, length, count, channels = inputs.delta.shape
    depth, blocks = inputs.A_logs.shape[-1], -(-channels // CHANNELS)
    plan = plan_backward(batch, length, channels, count, SEGMENT, x.device)
    carried = _chunk_borders(chunk_states_backward, upstream, inputs, plan, x, directions, depth)

    interval = replay_interval(triton.next_power_of_2(depth))
    dx, d_raw = torch.empty_like(inputs.delta), torch.empty_like(inputs.delta)
    dvalues = x.new_empty(batch, length, count, blocks, 2 * depth, dtype=torch.float32)
    groups = -(-batch // plan.images)
    dA_logs = x.new_empty(groups, plan.chunks, count, depth, channels, dtype=torch.float32)
    dbias, dskip = (torch.empty_like(dA_logs[:, :, :, 0]) for _ in range(2))
    segment = min(length, SEGMENT)
    grid = _grid(batch, plan, count, channels)
    scratch = x.new_empty(
        grid[0],
        triton.cdiv(segment, interval) * triton.next_power_of_2(depth) * CHANNELS,
        dtype=torch.float32,
    )
    scan_chunks_backward[grid](
        inputs.x, inputs.delta, inputs.values, upstream, inputs.A_logs, 1, inputs.skip, states, carried,
        scratch, dx, d_raw, dvalues, dA_logs, dbias, dskip, _sink(grid, x),
        batch, plan.images, x.shape[1], x.shape[2], channels, plan.chunk, plan.chunks, segment,
        **_constants(count, depth, directions), T=interval, SAVED=states.numel() > 0,
        SECTORS=max(1, triton.next_power_of_2(depth) // 4), num_warps=1,
    )  # fmt: skip
    return WalkGradients(dx, d_raw, dvalues, dA_logs, dbias, dskip)


def sum_gradients(walked: WalkGradients, scan: ScanInput) -> ScanGradients:
    """Return the gradients of what a scan read from those of its walks."""
    x, projection, parameters, dt = scan
    dt_weight, dt_bias, A_logs, Ds = parameters.tensors
    dprojection, dweight = dt_projection_gradients(walked.d_raw, walked.dvalues, projection, dt_weight)
    return ScanGradients(
        x=merge_directions(walked.dx).view(x.shape),
        projection=dprojection,
        dt=None if dt is None else walked.d_raw.view(dt.shape).to(dt.dtype),
        dt_weight=dweight.to(dt_weight.dtype),
        dt_bias=_over_groups(walked.dbias).to(dt_bias.dtype),
        A_logs=_over_groups(walked.dA_logs).transpose(1, 2).to(A_logs.dtype).contiguous(),
        Ds=_over_groups(walked.dskip).to(Ds.dtype),
    )


def _over_groups(parts: Tensor) -> Tensor:
    """Sum (G, S, ...) over groups of images and chunks."""
    return sum_parts(parts.flatten(0, 1)[None])[0]


def new_states(inputs: Prepared, save: bool) -> Tensor:
    """Return room for the state at each segment's start; none where it is not kept."""
    batch, length, count, channels = inputs.delta.shape
    kept = state_shape(batch, length, channels, count, inputs.A_logs.shape[-1], inputs.x.device)
    return inputs.values.new_empty(kept if save else (0,) * 5)


def replay_interval(states: int) -> int:
    """Return T, the positions whose states the backward kernel holds in registers at once."""
    return max(1, min(4, 64 // states))


def _chunk_borders(
    kernel: triton.JITFunction,
    source: Tensor,
    inputs: Prepared,
    plan: Plan,
    x: Tensor,
    directions: Sequence[int],
    states: int,
) -> Tensor:
    """Return what enters each chunk, (B, S, K, N, D), walking forwards or backwards; nothing if S is 1."""
    batch, _, count, channels = inputs.delta.shape
    if plan.chunks == 1:
        return x.new_empty(0, dtype=torch.float32)
    borders = x.new_empty(batch, plan.chunks, count, states, channels, dtype=torch.float32)
    sums = torch.empty_like(borders[:, :, :, 0])
    forwards = kernel is chunk_ends
    first = (source, inputs.delta, inputs.values) if forwards else (inputs.delta, inputs.values, source)
    kernel[_grid(batch, plan, count, channels)](
        *first, inputs.A_logs, 1, borders, sums, _sink(_grid(batch, plan, count, channels), x),
        x.shape[1], x.shape[2], channels, plan.chunk, plan.chunks,
        **_constants(count, states, directions), num_warps=1,
    )  # fmt: skip
    join_borders(borders, sums, inputs.A_logs, forwards=forwards)
    return borders


def join_borders(borders: Tensor, sums: Tensor, A_logs: Tensor, *, forwards: bool) -> None:
    """Turn what leaves each chunk alone, (B, S, K, N, D), into what enters it, in place.

    Args:
        borders: states, or what the backward pass carries.
        sums: of each chunk's steps, (B, S, K, D).
        A_logs: (K, D, N).
        forwards: which way chunks are walked.
    """
    batch, chunks, count, states, channels = borders.shape
    join_chunks[(batch * count * -(-channels // JOINED), states)](
        borders, sums, A_logs, channels, chunks,
        K=count, N=states, BD=JOINED, FORWARDS=forwards, num_warps=1,
    )  # fmt: skip


def _sink(grid: tuple[int], x: Tensor) -> Tensor:
    """Return where a kernel leaves the sums of what it fetched ahead; nobody reads them."""
    return x.new_empty(grid[0], AHEAD.value, dtype=torch.float32)


def _grid(images: int, plan: Plan, count: int, channels: int) -> tuple[int]:
    return (-(-images // plan.images) * plan.chunks * count * -(-channels // CHANNELS),)


def _constants(count: int, states: int, directions: Sequence[int]) -> dict[str, int]:
    codes = sum(direction << (2 * k) for k, direction in enumerate(directions))
    return {
        "K": count,
        "N": states,
        "NP": triton.next_power_of_2(states),
        "BD": CHANNELS,
        "DIRECTIONS": codes,
    }
