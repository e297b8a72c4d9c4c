"""Mean and maximum of every channel of a map on a CPU, in one read."""

import numpy as np
import torch
from torch import Tensor

from cipa.ops.scan.cpu.compiled import compiled
from cipa.ops.scan.cpu.row_norm import lane_of, values_of
from cipa.ops.scan.cpu.simd import LANES, load, maximum, splat, store
from cipa.ops.scan.cpu.threads import run_in_threads


def launch_channel_moments(x: Tensor) -> Tensor:
    """Return the mean and the maximum over pixels, (2, B, D) float32.

    Args:
        x: (B, H, W, D) float32, D at least 16.
    """
    batch, height, width, channels = x.shape
    sums, largest = torch.empty(2, batch, height, channels)
    arrays = [values_of(one).reshape(-1) for one in (x, sums, largest)]

    def work(share: int, first: int, last: int) -> None:
        """Take the rows of pixels first to last, those of all images counted."""
        row_moments(first, last, width, channels, *arrays)

    run_in_threads(work, batch * height)
    return torch.stack([sums.sum(1) / (height * width), largest.amax(1)])


@compiled
def row_moments(first, last, width, channels, x, sums, largest) -> None:
    """Sum and maximum of each channel over rows of pixels first..last-1; all arrays are flat."""
    blocks = (channels + LANES - 1) // LANES
    for line in range(first, last):
        for block in range(blocks):
            lane = lane_of(block, channels)
            start = line * width * channels + lane  # x is (B H, W, D), sums and largest (B H, D)
            total = splat(np.float32(0))
            most = load(x, start)
            for column in range(width):
                value = load(x, start + column * channels)
                total = total + value
                most = maximum(most, value)  # passes over a NaN, which the sum keeps
            store(sums, line * channels + lane, total)
            store(largest, line * channels + lane, most)
