"""LayerNorm of 2 x 2 neighbours as one pixel, read where they lie: kernel and launch.

Letters: B images, H x W grid, C channels; corners 0 to 3 of a merged pixel column by column.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

ELEMENTS = 2048
"""Values a program holds at once: pixels times their four neighbours' channels, padded to a power of two."""


@triton.jit(do_not_specialize=["pixels", "height", "width"])
def merge_norm_forward(
    x, weight, bias, out, pixels, height, width, channels, eps, ROWS: tl.constexpr, BD: tl.constexpr
) -> None:
    """Fill out (pixels, 4, C) from x (B, H, W, C): a pixel's neighbours column by column, normalised."""
    pixel = (tl.program_id(0) * ROWS + tl.arange(0, ROWS))[:, None, None]
    corner = tl.arange(0, 4)[None, :, None]
    d = tl.arange(0, BD)[None, None, :]
    rows, columns = (height + 1) // 2, (width + 1) // 2
    image = pixel // (rows * columns)
    i = pixel // columns % rows * 2 + corner % 2
    j = pixel % columns * 2 + corner // 2
    known = (pixel < pixels) & (corner >= 0) & (d < channels)
    source = ((image * height + i) * width + j).to(tl.int64) * channels + d
    # x: (B, H, W, C), a block (ROWS, 4, BD); beyond an odd border is zero, and counts in the mean
    value = tl.load(x + source, mask=known & (i < height) & (j < width), other=0.0).to(tl.float32)
    mean = tl.sum(tl.sum(value, axis=2), axis=1) / (4 * channels)
    centred = tl.where(known, value - mean[:, None, None], 0.0)
    variance = tl.sum(tl.sum(centred * centred, axis=2), axis=1) / (4 * channels)
    at = corner * channels + d
    spread = tl.broadcast_to(at, known.shape)
    # weight, bias: (4 C,), spread over the block so that no value passes through shared memory
    scale = tl.load(weight + spread, mask=known, other=0.0).to(tl.float32)
    shift = tl.load(bias + spread, mask=known, other=0.0).to(tl.float32)
    y = centred * tl.rsqrt(variance + eps)[:, None, None] * scale + shift
    # out: (pixels, 4 D)
    tl.store(out + pixel.to(tl.int64) * (4 * channels) + at, y.to(out.dtype.element_ty), mask=known)


def launch_merge_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
    """Return the merged, normalised map (B, ceil(H / 2), ceil(W / 2), 4C) of x (B, H, W, C) in `dtype`."""
    batch, height, width, channels = x.shape
    shape = (batch, -(-height // 2), -(-width // 2), 4 * channels)
    out = torch.empty(shape, dtype=dtype, device=x.device)
    block = triton.next_power_of_2(channels)
    rows, pixels = max(1, ELEMENTS // (4 * block)), out.numel() // (4 * channels)
    merge_norm_forward[(triton.cdiv(pixels, rows),)](
        x.contiguous(), weight, bias, out, pixels, height, width, channels, eps, ROWS=rows, BD=block
    )
    return out
