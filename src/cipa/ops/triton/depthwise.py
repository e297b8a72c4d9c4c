"""Depthwise 3x3 convolution of a channel-last map with SiLU after it: kernels and launches.

Nine shifted reads of each value come from the cache; from memory the map is read and written once.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from cipa.ops.triton.plan import multiprocessors

COLUMNS = 32
CHANNELS = 64


@triton.jit
def convolve(x, image, i, j, d, weight, mask, height, width, channels, FLIP: tl.constexpr):
    """Return the 3x3 sum around pixels (i, j) of an image, float32; FLIP turns the kernel by 180 degrees."""
    total = tl.zeros([j.shape[0], d.shape[1]], tl.float32)
    for tap in tl.static_range(9):
        row = i + tap // 3 - 1
        column = j + tap % 3 - 1
        end = tl.where((row >= 0) & (row < height), width, 0)
        there = mask & (column >= 0) & (column < end)
        value = tl.load(x + ((image * height + row) * width + column) * channels + d, mask=there, other=0.0)
        factor = tl.load(weight + d * 9 + (8 - tap if FLIP else tap), mask=d < channels, other=0.0)
        total += value.to(tl.float32) * factor.to(tl.float32)
    return total


@triton.jit
def depthwise_forward(
    x, weight, bias, out, height, width, channels,
    SILU: tl.constexpr, FLIP: tl.constexpr, BW: tl.constexpr, BD: tl.constexpr,
):  # fmt: skip
    """Fill out with the convolution of x; with bias and SiLU where SILU."""
    strips = tl.cdiv(width, BW)
    image = (tl.program_id(0) // (strips * height)).to(tl.int64)
    i = (tl.program_id(0) // strips) % height
    j = ((tl.program_id(0) % strips) * BW + tl.arange(0, BW))[:, None]
    d = (tl.program_id(1) * BD + tl.arange(0, BD))[None, :]
    mask = (j < width) & (d < channels)
    value = convolve(x, image, i, j, d, weight, mask, height, width, channels, FLIP)
    if SILU:
        value += tl.load(bias + d, mask=d < channels, other=0.0).to(tl.float32)
        value = value * tl.sigmoid(value)
    tl.store(
        out + ((image * height + i) * width + j) * channels + d, value.to(out.dtype.element_ty), mask=mask
    )


@triton.jit
def depthwise_backward(
    dout, x, weight, bias, dlinear, dweight, dbias, strips_in_all, height, width, channels,
    BW: tl.constexpr, BD: tl.constexpr,
):  # fmt: skip
    """Fill dlinear, the gradient before the SiLU, and each program's part of weight's (programs, 9, D) and bias's."""
    strips = tl.cdiv(width, BW)
    d = (tl.program_id(1) * BD + tl.arange(0, BD))[None, :]
    known = d < channels
    shift = tl.load(bias + d, mask=known, other=0.0).to(tl.float32)
    bias_sum = tl.zeros([1, BD], tl.float32)
    sums = (bias_sum, bias_sum, bias_sum, bias_sum, bias_sum, bias_sum, bias_sum, bias_sum, bias_sum)
    for strip in range(tl.program_id(0), strips_in_all, tl.num_programs(0)):
        image = (strip // (strips * height)).to(tl.int64)
        i = (strip // strips) % height
        j = ((strip % strips) * BW + tl.arange(0, BW))[:, None]
        mask = (j < width) & known
        value = convolve(x, image, i, j, d, weight, mask, height, width, channels, False) + shift
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
    grid = (batch * height * triton.cdiv(width, columns), triton.cdiv(channels, CHANNELS))
    depthwise_forward[grid](
        x, weight.contiguous(), weight if bias is None else bias, out, height, width, channels,
        SILU=bias is not None, FLIP=flip, BW=columns, BD=CHANNELS,
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
        dout.contiguous(), x, weight.contiguous(), bias, dlinear, dweight, dbias, strips, height, width, channels,
        BW=columns, BD=CHANNELS,
    )  # fmt: skip
    dx = launch_depthwise(dlinear, weight, None, flip=True)
    return dx, dweight.sum(0).t().reshape(channels, 1, 3, 3), dbias.sum(0)
