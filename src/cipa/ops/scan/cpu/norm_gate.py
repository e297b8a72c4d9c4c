"""What follows the scan on a CPU, one pass in place of three: LayerNorm, SiLU of the gate, their product."""

import numpy as np
import torch
from torch import Tensor

from cipa.ops.scan.cpu.compiled import compiled
from cipa.ops.scan.cpu.functions import sigmoid
from cipa.ops.scan.cpu.row_norm import fresh_lanes, lane_of, norm_rows, values_of
from cipa.ops.scan.cpu.simd import LANES, fma, load, splat, store
from cipa.ops.scan.cpu.threads import run_in_threads


def launch_norm_gate(y: Tensor, gate: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return LayerNorm(y) SiLU(gate).

    Args:
        y: (..., D) float32, D at least 16.
        gate: (..., D) float32.
        weight: the norm's, (D,) float32.
        bias: the norm's, (D,) float32.
        eps: added to the variance.
    """
    channels = y.shape[-1]
    rows = y.numel() // channels
    out = torch.empty(y.shape)
    arrays = [values_of(one).reshape(-1) for one in (y, gate, weight, bias, out)]
    fresh = fresh_lanes(channels)

    def work(share: int, first: int, last: int) -> None:
        """Take the groups of sixteen rows first to last."""
        norm_gate(first * LANES, min(last * LANES, rows), channels, fresh, np.float32(eps), *arrays)

    run_in_threads(work, -(-rows // LANES))
    return out


@compiled
def norm_gate(first, last, channels, fresh, eps, y, gate, weight, bias, out) -> None:
    """Rows first..last-1 of `launch_norm_gate`; all arrays are flat."""
    partial = np.empty(LANES * LANES, np.float32)
    means, scales = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    blocks = (channels + LANES - 1) // LANES
    for start in range(first, last, LANES):
        count = min(LANES, last - start)
        norm_rows(y[start * channels :], count, channels, fresh, eps, partial, means, scales)
        for row in range(count):  # of y, gate and out, (rows, D); weight and bias are (D,)
            mean, scale = splat(means[row]), splat(scales[row])
            place = (start + row) * channels
            for block in range(blocks):
                lane = lane_of(block, channels)
                normed = (load(y, place + lane) - mean) * scale
                normed = fma(normed, load(weight, lane), load(bias, lane))
                door = load(gate, place + lane)
                store(out, place + lane, normed * (door * sigmoid(door)))
