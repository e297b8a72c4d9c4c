"""Residual sum and LayerNorm on a CPU: each map is read and written once."""

import numpy as np
import torch
from torch import Tensor

from cipa.ops.fused.scaled_branch import ScaledBranch
from cipa.ops.scan.cpu.compiled import compiled
from cipa.ops.scan.cpu.row_norm import fresh_lanes, lane_of, norm_rows, values_of
from cipa.ops.scan.cpu.simd import LANES, fma, load, splat, store
from cipa.ops.scan.cpu.threads import run_in_threads

NONE = np.empty(0, np.float32)


def launch_add_norm(
    x: Tensor,
    branch: Tensor | ScaledBranch | None,
    skip: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    eps: float,
) -> tuple[Tensor, Tensor]:
    """Return x skip + branch and its LayerNorm, as `cipa.ops.fused.add_norm.add_norm`.

    Args:
        x: the stream, (..., D) float32, D at least 16.
        branch: (..., D), or how to make it; None adds nothing and returns the stream itself.
        skip: (D,); None is 1.
        weight: the norm's, (D,).
        bias: the norm's, (D,).
        eps: added to the variance.
    """
    x = x.contiguous()
    channels = x.shape[-1]
    rows = x.numel() // channels
    out = torch.empty(x.shape)
    total = x if branch is None else torch.empty(x.shape)
    factors = offsets = None
    if isinstance(branch, ScaledBranch):
        factors, offsets = branch.factors, branch.bias * branch.factors
        branch = branch.value
    images = 1 if factors is None else len(factors)
    given = [_flat(one) for one in (x, branch, skip, factors, offsets, weight, bias, total, out)]
    fresh = fresh_lanes(channels)

    def work(share: int, first: int, last: int) -> None:
        """Take the groups of sixteen rows first to last."""
        bounds = first * LANES, min(last * LANES, rows)
        add_norm_rows(*bounds, channels, rows // images, fresh, np.float32(eps), *given)

    run_in_threads(work, -(-rows // LANES))
    return total, out


def _flat(tensor: Tensor | None) -> np.ndarray:
    return NONE if tensor is None else values_of(tensor).reshape(-1)


@compiled
def add_norm_rows(
    first, last, channels, pixels, fresh, eps, x, branch, skip, factors, offsets, weight, bias, total, out
) -> None:
    """Rows first..last-1 of `launch_add_norm`; all arrays are flat, empty where there is none.

    Args:
        first: first row.
        last: one past the last row.
        channels: D.
        pixels: rows of an image.
        fresh: as `fresh_lanes` gave it.
        eps: added to the variance.
        x: the stream.
        branch: what is added.
        skip: (D,).
        factors: of the branch, (images D,).
        offsets: added to the scaled branch, (images D,).
        weight: (D,).
        bias: (D,).
        total: written, but where there is no branch.
        out: written.
    """
    partial = np.empty(LANES * LANES, np.float32)
    means, scales = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    blocks = (channels + LANES - 1) // LANES
    for start in range(first, last, LANES):
        count = min(LANES, last - start)
        if branch.size:  # x, branch and total are (rows, D), loaded sixteen channels at a time
            for row in range(start, start + count):
                place, image = row * channels, row // pixels * channels
                for block in range(blocks):
                    lane = lane_of(block, channels)
                    added = load(branch, place + lane)
                    if factors.size:  # one of each an image and channel, (images, D)
                        added = fma(added, load(factors, image + lane), load(offsets, image + lane))
                    if skip.size:  # (D,)
                        added = fma(load(x, place + lane), load(skip, lane), added)
                    else:
                        added = load(x, place + lane) + added
                    store(total, place + lane, added)
        norm_rows(total[start * channels :], count, channels, fresh, eps, partial, means, scales)
        # The rows of total are in the cache still: read again from there, they are written normed.
        for row in range(count):
            mean, scale = splat(means[row]), splat(scales[row])
            place = (start + row) * channels
            for block in range(blocks):
                lane = lane_of(block, channels)
                normed = (load(total, place + lane) - mean) * scale
                store(out, place + lane, fma(normed, load(weight, lane), load(bias, lane)))
