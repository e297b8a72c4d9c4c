"""Bias and activation of a channel-last map: kernel and launch.

PyTorch's own sum of a map and a bias reads single values, not vectors, and the activation is one pass more.
Letters: rows are all pixels of all images, D = CHANNELS.
"""

import triton
import triton.language as tl
from torch import Tensor

from cipa.ops.fused.activations_triton import activate
from cipa.ops.fused.add_norm_triton import load_beside

ELEMENTS = 2048
"""Values a program holds at once: rows times channels, the latter rounded up to a power of two."""


@triton.jit(do_not_specialize=["rows"])
def bias_activation(
    x, bias, out, rows,
    CHANNELS: tl.constexpr, ACTIVATION: tl.constexpr, ROWS: tl.constexpr, BD: tl.constexpr,
) -> None:  # fmt: skip
    """Fill out = activation(x + bias), rows of CHANNELS."""
    row = (tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS))[:, None]
    d = tl.arange(0, BD)[None, :]
    mask = (row < rows) & (d < CHANNELS)
    at = row * CHANNELS + d
    # x: (rows, CHANNELS), a tile (ROWS, BD)
    value = tl.load(x + at, mask=mask, other=0.0).to(tl.float32)
    # bias: (CHANNELS,)
    value += load_beside(bias, d, mask)
    tl.store(out + at, activate(value, ACTIVATION).to(out.dtype.element_ty), mask=mask)


def launch_bias_activation(x: Tensor, bias: Tensor, activation: str) -> Tensor:
    """Return the activation, "gelu" or "relu", of x (..., D) + bias (D,)."""
    channels = x.shape[-1]
    x = x.contiguous()
    out = x.new_empty(x.shape)
    block = triton.next_power_of_2(channels)
    rows, count = max(1, ELEMENTS // block), x.numel() // channels
    bias_activation[(triton.cdiv(count, rows),)](
        x, bias, out, count, CHANNELS=channels, ACTIVATION=activation, ROWS=rows, BD=block
    )
    return out
