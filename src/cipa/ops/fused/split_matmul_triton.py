"""Products of float32 maps on tensor cores, nearly as exact as float32's: linear layers, 3x3 convolutions.

A float32 number is the sum of two float16 ones, 11 bits each: x = high + low / 2^11, the low part enlarged so
that it is no smaller than the high one. Three float16 products, summed in float32, then give

    x w = high_x high_w + (high_x low_w + low_x high_w) / 2^11,

short of the product only by low_x low_w / 2^22, below float32's own rounding. After Markidis et al. 2018
(arXiv 1803.04014) and Ootomo and Yokota 2022 (arXiv 2203.03341, section 4), from whom the enlarged low part
and the sums outside of tensor cores are: those cut sums off in place of rounding them, so they add up one
step of 32 channels each. float16 lacks exponents, not bits: weights are scaled by a power of two to fill its
range, activations by 2^-4, so that magnitudes to a million fit (beyond, the result is infinite or NaN) and
what is lost of small ones is below 2^-31. Weights are split once, ahead; activations in registers.

Letters: M rows of the map, N output and K input channels, TAPS 1 or 9, BM x BN a program's tile, BK a step.
"""

import math
from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor

from cipa.ops.gpu import multiprocessors

ROW_COST = 32
"""What it costs to load and split a row of x for one tile, in columns of products."""
DEPTH = 32
STAGES = 3
TILES = ((128, 128, 8), (128, 64, 4), (64, 64, 4), (64, 32, 4))
"""Rows, columns and warps of a program's tile, from most work a byte to most programs."""

LOW = tl.constexpr(2048.0)
SHRINK = tl.constexpr(2.0**-4)
LARGEST_EXPONENT = 13
"""Weights are scaled so that the largest lies in [2^12, 2^13): far from float16's end at 2^16."""


class SplitWeight(NamedTuple):
    """A weight as the kernel reads it.

    Attributes:
        high: (N, T K), float16; T taps, 1 or 9, K channels of each in a row.
        low: like `high`, 2^11 times what `high` leaves.
        scale: what the products are multiplied by at the end.
        taps: T.
    """

    high: Tensor
    low: Tensor
    scale: float
    taps: int


class Tile(NamedTuple):
    """What a program computes: rows x columns of the result, by so many warps."""

    rows: int
    columns: int
    warps: int


@triton.jit(do_not_specialize=["rows", "height", "width", "out_height", "out_width"])
def product(
    x, high, low, bias, out, scale, rows, columns, height, width, out_height, out_width,
    K: tl.constexpr, TAPS: tl.constexpr, STRIDE: tl.constexpr, BIAS: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
) -> None:  # fmt: skip
    """Fill a tile of out (M, N): x (M, K) times the weight, or the 3x3 sums of x (B, H, W, K)."""
    strips = tl.cdiv(columns, BN)
    m = ((tl.program_id(0) // strips) * BM + tl.arange(0, BM))[:, None]
    n = (tl.program_id(0) % strips) * BN + tl.arange(0, BN)
    image = m // (out_height * out_width)
    i = (m // out_width) % out_height * STRIDE - 1
    j = m % out_width * STRIDE - 1
    chunks: tl.constexpr = (K + BK - 1) // BK
    total = tl.zeros([BM, BN], tl.float32)
    for step in range(TAPS * chunks):
        k = (step % chunks) * BK + tl.arange(0, BK)[None, :]
        tap = step // chunks
        if TAPS == 1:
            there = m < rows
            source = m
        else:
            row = i + tap // 3
            column = j + tap % 3
            there = (m < rows) & (row >= 0) & (row < height) & (column >= 0) & (column < width)
            source = (image * height + row) * width + column
        known = n[:, None] < columns
        # K is a compile-time constant: where it is a multiple of BK the masks of the inner loop vanish
        if K % BK != 0:
            there = there & (k < K)
            known = known & (k < K)
        # x: (M, K), or (B H W, K) at a tap's pixel; a tile (BM, BK)
        value = tl.load(x + source * K + k, mask=there, other=0.0) * SHRINK
        at = n[:, None] * (TAPS * K) + tap * K + k
        # high, low: (N, TAPS K), tiles (BN, BK), transposed in registers
        high_w = tl.load(high + at, mask=known, other=0.0).T
        low_w = tl.load(low + at, mask=known, other=0.0).T
        high_x = value.to(tl.float16)
        low_x = ((value - high_x.to(tl.float32)) * LOW).to(tl.float16)
        # Products whose sums went on to the next step were left under way there by Triton 3.6, with no wait
        # before that step wrote over the registers which tensor cores still read x from (Hopper).
        small = tl.dot(high_x, low_w, tl.dot(low_x, high_w))
        total += tl.dot(high_x, high_w) + small * (1.0 / LOW)
    y = total * scale
    if BIAS:
        # bias: (N,), a row (BN,)
        y += tl.load(bias + n, mask=n < columns, other=0.0)[None, :]
    tl.store(out + m * columns + n[None, :], y, mask=(m < rows) & (n[None, :] < columns))


def split_weight(weight: Tensor) -> SplitWeight:
    """Split the weight of a linear layer (N, K) or of a 3x3 convolution (N, K, 3, 3), float32."""
    taps = 1 if weight.dim() == 2 else 9
    by_tap = weight if taps == 1 else weight.permute(0, 2, 3, 1).reshape(len(weight), -1)
    exponent = min(LARGEST_EXPONENT - math.frexp(by_tap.abs().max().item())[1], 100)
    scaled = by_tap.contiguous() * 2.0**exponent
    high = scaled.half()
    low = ((scaled - high.float()) * LOW.value).half()
    return SplitWeight(high, low, 1 / (SHRINK.value * 2.0**exponent), taps)


def launch_product(
    x: Tensor, weight: SplitWeight, bias: Tensor | None, stride: int = 1, tile: Tile | None = None
) -> Tensor:
    """Multiply or convolve a channel-last map.

    Args:
        x: (..., K), or (B, H, W, K) where the weight has 9 taps; float32, like the result fewer than 2^31
            values.
        weight: from `split_weight`.
        bias: (N,), float32.
        stride: of the convolution, whose padding is 1.
        tile: a program's part, `choose_tile`'s where None.

    Returns:
        (..., N), or (B, ceil(H / stride), ceil(W / stride), N).
    """
    x = x.contiguous()
    channels, columns = x.shape[-1], len(weight.high)
    height, width = x.shape[1:3] if weight.taps == 9 else (1, 1)
    out_height, out_width = -(-height // stride), -(-width // stride)
    shape = (*x.shape[:-1], columns)
    if weight.taps == 9:
        shape = (len(x), out_height, out_width, columns)
    out = x.new_empty(shape)
    rows = out.numel() // columns
    tile = tile or choose_tile(rows, columns, multiprocessors(x.device))
    product[(triton.cdiv(rows, tile.rows) * triton.cdiv(columns, tile.columns),)](
        x, weight.high, weight.low, bias, out, weight.scale, rows, columns,
        height, width, out_height, out_width,
        K=channels, TAPS=weight.taps, STRIDE=stride, BIAS=bias is not None,
        BM=tile.rows, BN=tile.columns, BK=DEPTH, num_warps=tile.warps, num_stages=STAGES,
    )  # fmt: skip
    return out


def choose_tile(rows: int, columns: int, processors: int) -> Tile:
    """Return the tile of least cost among those that give every multiprocessor work, else the smallest."""
    tiles = [Tile(*sizes) for sizes in TILES]
    busy = [
        tile
        for tile in tiles
        if triton.cdiv(rows, tile.rows) * triton.cdiv(columns, tile.columns) >= processors
    ]
    return min(
        busy or tiles[-1:],
        key=lambda tile: triton.cdiv(columns, tile.columns) * (tile.columns + ROW_COST),
    )
