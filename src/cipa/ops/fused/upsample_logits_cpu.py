"""End of the decoder on a CPU: a doubled map is normalised and projected pixel by pixel, and never stored."""

import numpy as np
import torch
from torch import Tensor

from cipa.ops.scan.cpu.compiled import compiled
from cipa.ops.scan.cpu.row_norm import fresh_lanes, lane_of, norm_rows, values_of
from cipa.ops.scan.cpu.simd import LANES, fma, load, splat, store, totals
from cipa.ops.scan.cpu.threads import run_in_threads

NEAR, FAR = np.float32(0.75), np.float32(0.25)
"""Weights of the pixel that a doubled one lies in and of its neighbour on that side."""


def launch_double_norm_project(
    x: Tensor, weight: Tensor, bias: Tensor, projection: Tensor, eps: float
) -> Tensor:
    """Return the logits of one class, (B, 2H, 2W, 1) float32.

    Args:
        x: (B, H, W, C) float32, C at least 16.
        weight: the norm's, (C,) float32.
        bias: the norm's, (C,) float32.
        projection: (1, C) float32.
        eps: added to the variance.
    """
    batch, height, width, channels = x.shape
    out = torch.empty(batch, 2 * height, 2 * width, 1)
    offset = np.float32((projection[0] @ bias).item())
    given = (values_of(one).reshape(-1) for one in (x, projection[0] * weight))
    arrays = (*given, fresh_lanes(channels), values_of(out).reshape(-1))

    def work(share: int, first: int, last: int) -> None:
        """Take the rows of doubled pixels first to last, those of all images counted."""
        double_norm_project(first, last, height, width, channels, offset, np.float32(eps), *arrays)

    run_in_threads(work, batch * 2 * height)
    return out


@compiled
def double_norm_project(first, last, height, width, channels, offset, eps, x, scaled, fresh, out) -> None:
    """Rows first..last-1 of doubled pixels; all arrays are flat.

    Args:
        first: first row, those of all images counted.
        last: one past the last.
        height: H.
        width: W.
        channels: C.
        offset: projection of the norm's bias.
        eps: added to the variance.
        x: (B H W C,).
        scaled: projection times the norm's weight, (C,).
        fresh: as `fresh_lanes` gave it.
        out: (B 2H 2W,), written.
    """
    blocks = (channels + LANES - 1) // LANES
    between = np.empty(width * channels, np.float32)
    rows = np.empty(LANES * channels, np.float32)
    partial = np.empty(LANES * LANES, np.float32)
    means, scales = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    logits = np.empty(LANES, np.float32)
    keep = load(fresh, 0)
    for line in range(first, last):
        image, row = line // (2 * height), line % (2 * height)
        near = row // 2
        far = min(max(near + (1 if row % 2 else -1), 0), height - 1)
        top, other = (image * height + near) * width * channels, (image * height + far) * width * channels
        # Between two rows of x, (W, C): once for all columns that are made of it.
        for place in range(width):
            for block in range(blocks):
                at = place * channels + lane_of(block, channels)
                store(between, at, fma(load(x, other + at), splat(FAR), load(x, top + at) * NEAR))
        for start in range(0, 2 * width, LANES):
            count = min(LANES, 2 * width - start)
            # Sixteen doubled pixels, (16, C), between two columns of that row.
            for number in range(count):
                column = start + number
                near = column // 2
                far = min(max(near + (1 if column % 2 else -1), 0), width - 1)
                for block in range(blocks):
                    lane = lane_of(block, channels)
                    value = load(between, near * channels + lane) * NEAR
                    value = fma(load(between, far * channels + lane), splat(FAR), value)
                    store(rows, number * channels + lane, value)
            norm_rows(rows, count, channels, fresh, eps, partial, means, scales)
            # Scale and offset are the same for all channels: they wait until the product is one number.
            for number in range(count):
                mean = splat(means[number])
                lane = lane_of(blocks - 1, channels)
                total = (load(rows, number * channels + lane) - mean) * (load(scaled, lane) * keep)
                for block in range(blocks - 1):
                    lane = block * LANES
                    total = fma(load(rows, number * channels + lane) - mean, load(scaled, lane), total)
                store(partial, number * LANES, total)
            store(logits, 0, totals(partial, 0))
            for number in range(count):
                out[line * 2 * width + start + number] = logits[number] * scales[number] + offset
