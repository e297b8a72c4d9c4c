"""Depthwise 3x3 convolution of a channel-last map with SiLU after it: kernels and launches.

Nine shifted reads of each value come from the cache; from memory the map is read and written once.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from cipa.ops.triton.plan import multiprocessors

ROWS = 4
COLUMNS = 16
CHANNELS = 64


@triton.jit
def load_taps(weight, d, channels, FLIP: tl.constexpr):
    """Return the nine weights of each channel, float32, from (9, D); FLIP turns them by 180 degrees."""
    taps = ()
    for tap in tl.static_range(9):
        row = weight + (8 - tap if FLIP else tap) * channels
        taps = taps + (tl.load(row + d, mask=d < channels, other=0.0).to(tl.float32),)
    return taps


@triton.jit
def convolve(x, image, i, j, d, taps, mask, height, width, channels):
    """Return the 3x3 sum around pixels (i, j) of an image, float32."""
    total = tl.zeros([j.shape[0], d.shape[1]], tl.float32)
    for tap in tl.static_range(9):
        row = i + tap // 3 - 1
        column = j + tap % 3 - 1
        end = tl.where((row >= 0) & (row < height), width, 0)
        there = mask & (column >= 0) & (column < end)
        value = tl.load(x + ((image * height + row) * width + column) * channels + d, mask=there, other=0.0)
        total += value.to(tl.float32) * taps[tap]
    return total


@triton.jit(do_not_specialize=["height", "width"])
def depthwise_forward(
    x, weight, bias, out, height, width, channels,
    SILU: tl.constexpr, FLIP: tl.constexpr, BH: tl.constexpr, BW: tl.constexpr, BD: tl.constexpr,
):  # fmt: skip
    """Fill out with the convolution of x; with bias and SiLU where SILU. A program: BH rows of BW pixels."""
    strips = tl.cdiv(width, BW)
    bands = tl.cdiv(height, BH)
    image = (tl.program_id(0) // (strips * bands)).to(tl.int64)
    first = ((tl.program_id(0) // strips) % bands) * BH
    j = ((tl.program_id(0) % strips) * BW + tl.arange(0, BW))[:, None]
    d = (tl.program_id(1) * BD + tl.arange(0, BD))[None, :]
    mask = (j < width) & (d < channels)
    taps = load_taps(weight, d, channels, FLIP)
    for i in range(first, tl.minimum(first + BH, height)):
        value = convolve(x, image, i, j, d, taps, mask, height, width, channels)
        if SILU:
            value += tl.load(bias + d, mask=d < channels, other=0.0).to(tl.float32)
            value = value * tl.sigmoid(value)
        tl.store(
            out + ((image * height + i) * width + j) * channels + d, value.to(out.dtype.element_ty), mask=mask
        )


@triton.jit(do_not_specialize=["strips_in_all", "height", "width"])
def depthwise_backward(
    dout, x, weight, bias, dlinear, dweight, dbias, strips_in_all, height, width, channels,
    BW: tl.constexpr, BD: tl.constexpr,
):  # fmt: skip
    """Fill dlinear, the gradient before SiLU, and a program's part of dweight (., 9, D) and dbias."""
    strips = tl.cdiv(width, BW)
    d = (tl.program_id(1) * BD + tl.arange(0, BD))[None, :]
    known = d < channels
    shift = tl.load(bias + d, mask=known, other=0.0).to(tl.float32)
    taps = load_taps(weight, d, channels, False)
    bias_sum = tl.zeros([1, BD], tl.float32)
    sums = (bias_sum, bias_sum, bias_sum, bias_sum, bias_sum, bias_sum, bias_sum, bias_sum, bias_sum)
    for strip in range(tl.program_id(0), strips_in_all, tl.num_programs(0)):
        image = (strip // (strips * height)).to(tl.int64)
        i = (strip // strips) % height
        j = ((strip % strips) * BW + tl.arange(0, BW))[:, None]
        mask = (j < width) & known
        value = convolve(x, image, i, j, d, taps, mask, height, width, channels) + shift
        sigmoid = tl.sigmoid(value)
        at = ((image * height + i) * width + j) * channels + d
        upstream = tl.load(dout + at, mask=mask, other=0.0).to(tl.float32)
        gradient = upstream * sigmoid * (1.0 + value * (1.0 - sigmoid))
        tl.store(dlinear + at, gradient.to(dlinear.dtype.element_ty), mask=mask)
        bias_sum += tl.sum(gradient, axis=0)[None, :]
        grown = ()
        for tap in tl.static_range(9):
            row = i + tap // 3 - 1
            column = j + tap % 3 - 1
            end = tl.where((row >= 0) & (row < height), width, 0)
            there = mask & (column >= 0) & (column < end)
            source = tl.load(
                x + ((image * height + row) * width + column) * channels + d, mask=there, other=0.0
            )
            grown = grown + (sums[tap] + tl.sum(source.to(tl.float32) * gradient, axis=0)[None, :],)
        sums = grown
    for tap in tl.static_range(9):
        tl.store(dweight + (tl.program_id(0) * 9 + tap) * channels + d, sums[tap], mask=known)
    tl.store(dbias + tl.program_id(0) * channels + d, bias_sum, mask=known)


def launch_depthwise(x: Tensor, weight: Tensor, bias: Tensor | None, flip: bool = False) -> Tensor:
    """Convolve x (B, H, W, D) by weight (D, 1, 3, 3); SiLU of it plus bias where there is one."""
    batch, height, width, channels = x.shape
    out = torch.empty_like(x)
    columns = min(COLUMNS, triton.next_power_of_2(width))
    grid = (batch * triton.cdiv(height, ROWS) * triton.cdiv(width, columns), triton.cdiv(channels, CHANNELS))
    depthwise_forward[grid](
        x, _by_tap(weight), weight if bias is None else bias, out, height, width, channels,
        SILU=bias is not None, FLIP=flip, BH=ROWS, BW=columns, BD=CHANNELS,
    )  # fmt: skip
    return out


def launch_depthwise_backward(
    dout: Tensor, x: Tensor, weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x, weight (D, 1, 3, 3) and bias; the last two float32."""
    batch, height, width, channels = x.shape
    columns = min(COLUMNS, triton.next_power_of_2(width))
    strips = batch * height * triton.cdiv(width, columns)
    blocks = triton.cdiv(channels, CHANNELS)
    programs = min(strips, max(1, 8 * multiprocessors(x.device) // blocks))
    dlinear = torch.empty_like(x)
    dweight = torch.empty(programs, 9, channels, dtype=torch.float32, device=x.device)
    dbias = torch.empty(programs, channels, dtype=torch.float32, device=x.device)
    depthwise_backward[(programs, blocks)](
        dout.contiguous(), x, _by_tap(weight), bias, dlinear, dweight, dbias, strips, height, width, channels,
        BW=columns, BD=CHANNELS,
    )  # fmt: skip
    dx = launch_depthwise(dlinear, weight, None, flip=True)
    return dx, dweight.sum(0).t().reshape(channels, 1, 3, 3), dbias.sum(0)


def _by_tap(weight: Tensor) -> Tensor:
    """Return (D, 1, 3, 3) as (9, D): a program's reads of it are then in a row."""
    return weight.reshape(len(weight), 9).t().contiguous()
