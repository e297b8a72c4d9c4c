"""Windows of a map, cut and normalised or put back and added, one read and one write: kernels, launches.

Letters: B images, H x W grid, C channels, SIDE pixels of a window's side.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from cipa.ops.fused.add_norm_triton import tile_of

VALUES_A_WARP = 1024
"""Of a window that a program holds whole."""


@triton.jit(do_not_specialize=["columns"])
def window_norm_forward(
    x, weight, bias, out, columns, channels, eps, SIDE: tl.constexpr, BD: tl.constexpr
) -> None:
    """Fill a window of out (windows, SIDE^2, C), normalised, from x (rows of all images, SIDE columns, C)."""
    window = tl.program_id(0)
    pixel = tl.arange(0, SIDE * SIDE)[:, None]
    d = tl.arange(0, BD)[None, :]
    mask = (pixel >= 0) & (d < channels)
    i = window // columns * SIDE + pixel // SIDE
    j = window % columns * SIDE + pixel % SIDE
    source = (i * (columns * SIDE) + j).to(tl.int64) * channels + d
    # x: (B H, W, C), a window (SIDE^2, BD)
    value = tl.load(x + source, mask=mask, other=0.0).to(tl.float32)
    count = SIDE * SIDE * channels
    centred = tl.where(mask, value - tl.sum(value) / count, 0.0)
    scale = tl.rsqrt(tl.sum(centred * centred) / count + eps)
    at = pixel * channels + d
    # weight, bias: (SIDE^2, C), the whole window's: the norm is over all its values
    factor = tl.load(weight + at, mask=mask, other=0.0).to(tl.float32)
    shift = tl.load(bias + at, mask=mask, other=0.0).to(tl.float32)
    y = centred * scale * factor + shift
    # out: (windows, SIDE^2, C): the window's pixels side by side, as the attention reads them
    tl.store(out + window.to(tl.int64) * count + at, y.to(out.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=["pixels", "columns"])
def add_windows_forward(
    x, y, z, windows, regions, out, pixels, columns, channels,
    SIDE: tl.constexpr, ROWS: tl.constexpr, BD: tl.constexpr,
) -> None:  # fmt: skip
    """Fill out, one map of all images' pixels, with x + y + z + windows + regions."""
    pixel = (tl.program_id(0) * ROWS + tl.arange(0, ROWS))[:, None]
    d = tl.arange(0, BD)[None, :]
    mask = (pixel < pixels) & (d < channels)
    width = columns * SIDE
    i, j = pixel // width, pixel % width  # rows of all images, one below the other
    window = i // SIDE * columns + j // SIDE
    within = (i % SIDE) * SIDE + j % SIDE
    at = pixel.to(tl.int64) * channels + d
    # x, y, z: (pixels, C), tiles (ROWS, BD)
    total = tl.load(x + at, mask=mask, other=0.0).to(tl.float32)
    total += tl.load(y + at, mask=mask, other=0.0).to(tl.float32)
    total += tl.load(z + at, mask=mask, other=0.0).to(tl.float32)
    # regions: (windows, C), a window's one value for each of its pixels
    total += tl.load(regions + window.to(tl.int64) * channels + d, mask=mask, other=0.0).to(tl.float32)
    own = (window * (SIDE * SIDE) + within).to(tl.int64) * channels + d
    # windows: (windows, SIDE^2, C)
    total += tl.load(windows + own, mask=mask, other=0.0).to(tl.float32)
    tl.store(out + at, total.to(out.dtype.element_ty), mask=mask)


def launch_window_norm(
    x: Tensor, side: int, weight: Tensor, bias: Tensor, eps: float, dtype: torch.dtype
) -> Tensor:
    """Return the windows (B N_w, side, side, C) of x (B, H, W, C), each normalised over all its values."""
    batch, height, width, channels = x.shape
    count = batch * (height // side) * (width // side)
    out = torch.empty(count, side, side, channels, dtype=dtype, device=x.device)
    block = triton.next_power_of_2(channels)
    window_norm_forward[(count,)](
        x.contiguous(), weight, bias, out, width // side, channels, eps, SIDE=side, BD=block,
        num_warps=min(16, max(4, side * side * block // VALUES_A_WARP)),
    )  # fmt: skip
    return out


def launch_add_windows(x: Tensor, y: Tensor, z: Tensor, windows: Tensor, regions: Tensor) -> Tensor:
    """Return x + y + z (B, H, W, C) + windows + regions in x's type."""
    channels, side = x.shape[-1], windows.shape[1]
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    rows, block = tile_of(channels)
    pixels = x.numel() // channels
    add_windows_forward[(triton.cdiv(pixels, rows),)](
        x.contiguous(), y.contiguous(), z.contiguous(), windows.contiguous(), regions.contiguous(), out,
        pixels, regions.shape[2], channels, SIDE=side, ROWS=rows, BD=block,
    )  # fmt: skip
    return out
