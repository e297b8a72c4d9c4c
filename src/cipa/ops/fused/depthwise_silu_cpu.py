"""Depthwise 3 x 3 convolution and SiLU on a CPU: nine multiply-adds a vector of channels, and one pass."""

import torch
from torch import Tensor

from cipa.ops.scan.cpu.compiled import compiled
from cipa.ops.scan.cpu.functions import sigmoid
from cipa.ops.scan.cpu.row_norm import lane_of, values_of
from cipa.ops.scan.cpu.simd import LANES, fma, load, store
from cipa.ops.scan.cpu.threads import run_in_threads


def launch_depthwise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return SiLU(conv(x) + bias), zero padded.

    Args:
        x: (B, H, W, D) float32, D at least 16.
        weight: (D, 1, 3, 3) float32.
        bias: (D,) float32.
    """
    batch, height, width, channels = x.shape
    out = torch.empty(x.shape)
    arrays = [values_of(one).reshape(-1) for one in (x, weight.view(channels, 9).t(), bias, out)]

    def work(share: int, first: int, last: int) -> None:
        """Take the rows of pixels first to last, those of all images counted."""
        depthwise_rows(first, last, height, width, channels, *arrays)

    run_in_threads(work, batch * height)
    return out


@compiled
def depthwise_rows(first, last, height, width, channels, x, taps, bias, out) -> None:
    """Rows of pixels first..last-1 of `launch_depthwise`; taps are (9, D), all arrays flat."""
    blocks = (channels + LANES - 1) // LANES
    for line in range(first, last):
        row = line % height
        # Taps beyond the image are left out rather than multiplied by zeros: nothing is padded.
        up, down = (0 if row else 1), (2 if row + 1 < height else 1)
        for column in range(width):
            place = (line * width + column) * channels
            left, right = (0 if column else 1), (2 if column + 1 < width else 1)
            for block in range(blocks):
                lane = lane_of(block, channels)
                total = load(bias, lane)
                for i in range(up, down + 1):
                    for j in range(left, right + 1):
                        # (16,) of x (B H, W, D) and of taps (9, D)
                        source = place + ((i - 1) * width + j - 1) * channels + lane
                        total = fma(load(x, source), load(taps, (3 * i + j) * channels + lane), total)
                store(out, place + lane, total * sigmoid(total))
