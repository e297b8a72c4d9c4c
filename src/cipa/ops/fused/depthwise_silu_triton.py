"""Depthwise 3x3 convolution of a channel-last map with SiLU after it: kernels and launches.

A program fetches a band of rows, and one above and below, into its registers before it computes: enough reads
are then on their way to keep memory busy, and a value serves the three rows that need it.

The backward pass takes two, each of three reads or writes of a map: the first is the convolution again, for
the slope of SiLU. In the second the nine neighbours of a pixel in the gradient before SiLU make, with the
pixel itself, all that goes to x, weight and bias.
Letters: B images, H x W grid, D channels; a tile is BW columns x BD channels, a band BH rows of such tiles.
x and its gradient may be parts of wider maps: `stride` is the elements from one pixel to the next.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from cipa.ops.fused.activations_triton import sigmoid, silu
from cipa.ops.fused.partial_sums_triton import sum_parts
from cipa.ops.gpu import evenly_spaced, multiprocessors

ROWS = 8
ROWS_BACK = 4
COLUMNS = 8
CHANNELS = 64
PER_UNIT = 3
"""Programs of the second pass that a multiprocessor holds at its use of registers."""


@triton.jit
def load_taps(weight, d, channels, FLIP: tl.constexpr):
    """Return the nine weights of each channel, float32, from (9, D); FLIP turns them by 180 degrees."""
    taps = ()
    for tap in tl.static_range(9):
        row = weight + (8 - tap if FLIP else tap) * channels
        # weight: (9, D), a row (1, BD)
        taps = taps + (tl.load(row + d, mask=d < channels, other=0.0).to(tl.float32),)
    return taps


@triton.jit
def load_band(x, i, j, d, here, height, width, stride, BH: tl.constexpr):
    """Return 3 (BH + 2) tiles, what lies left of, at and right of pixels j of rows i - 1 to i + BH.

    Values beyond the borders are zero.
    """
    band = ()
    for row in tl.static_range(BH + 2):
        there = here & (i + row >= 1) & (i + row <= height)
        at = x + (i + row - 1) * width * stride + (j * stride + d)
        # x: (B, H, W, D), three tiles (BW, BD) shifted by a pixel each
        band = band + (tl.load(at - stride, mask=there & (j > 0), other=0.0),)
        band = band + (tl.load(at, mask=there, other=0.0),)
        band = band + (tl.load(at + stride, mask=there & (j < width - 1), other=0.0),)
    return band


@triton.jit
def convolve(band, row: tl.constexpr, taps):
    """Return the 3x3 sum around a row of `load_band`, float32."""
    total = band[3 * row].to(tl.float32) * taps[0]
    for tap in tl.static_range(1, 9):
        total += band[3 * row + tap].to(tl.float32) * taps[tap]
    return total


@triton.jit(do_not_specialize=["height", "width"])
def depthwise_forward(
    x, weight, bias, dout, out, height, width, channels, stride,
    BACK: tl.constexpr, BH: tl.constexpr, BW: tl.constexpr, BD: tl.constexpr,
) -> None:  # fmt: skip
    """Fill out with SiLU(x's convolution + bias) or, where BACK, the gradient before SiLU from dout."""
    strips = tl.cdiv(width, BW)
    bands = tl.cdiv(height, BH)
    image = (tl.program_id(0) // (strips * bands)).to(tl.int64)
    first = ((tl.program_id(0) // strips) % bands) * BH
    j = ((tl.program_id(0) % strips) * BW + tl.arange(0, BW))[:, None]
    d = (tl.program_id(1) * BD + tl.arange(0, BD))[None, :]
    here = (j < width) & (d < channels)
    start = image * height * width * channels
    place = j * channels + d
    band = load_band(x + image * height * width * stride, first, j, d, here, height, width, stride, BH)
    upstream = ()
    for row in tl.static_range(BH if BACK else 0):
        at = dout + start + (first + row) * width * channels + place
        # dout: (B, H, W, D), a tile (BW, BD) a row of the band
        upstream = upstream + (tl.load(at, mask=here & (first + row < height), other=0.0),)
    taps = load_taps(weight, d, channels, False)
    # bias: (D,), a row (1, BD)
    shift = tl.load(bias + d, mask=d < channels, other=0.0).to(tl.float32)
    for row in tl.static_range(BH):
        value = convolve(band, row, taps) + shift
        if BACK:
            gate = sigmoid(value)
            value = upstream[row].to(tl.float32) * gate * (1.0 + value * (1.0 - gate))
        else:
            value = silu(value)
        at = out + start + (first + row) * width * channels + place
        # out: (B, H, W, D), a tile (BW, BD) a row of the band
        tl.store(at, value.to(out.dtype.element_ty), mask=here & (first + row < height))


@triton.jit(do_not_specialize=["bands_in_all", "height", "width"])
def depthwise_backward(
    dlinear, x, weight, dx, sums, bands_in_all, height, width, channels, stride, dx_stride,
    BH: tl.constexpr, BW: tl.constexpr, BD: tl.constexpr,
) -> None:  # fmt: skip
    """Fill dx, and a program's part of the gradients of nine weights and bias, (., 10, D).

    What goes to a weight is the sum of x at a pixel times dlinear at the pixel that the weight took it to.
    """
    strips = tl.cdiv(width, BW)
    bands = tl.cdiv(height, BH)
    d = (tl.program_id(1) * BD + tl.arange(0, BD))[None, :]
    known = d < channels
    taps = load_taps(weight, d, channels, True)
    zero = tl.zeros([BW, BD], tl.float32)
    parts = (zero, zero, zero, zero, zero, zero, zero, zero, zero, zero)
    for place_in_all in range(tl.program_id(0), bands_in_all, tl.num_programs(0)):
        start = (place_in_all // (strips * bands)).to(tl.int64) * height * width
        first = ((place_in_all // strips) % bands) * BH
        j = ((place_in_all % strips) * BW + tl.arange(0, BW))[:, None]
        here = (j < width) & known
        band = load_band(dlinear + start * channels, first, j, d, here, height, width, channels, BH)
        sources = ()
        for row in tl.static_range(BH):
            at = x + start * stride + (first + row) * width * stride + (j * stride + d)
            # x: (B, H, W, D), a tile (BW, BD) a row of the band
            sources = sources + (tl.load(at, mask=here & (first + row < height), other=0.0),)
        for row in tl.static_range(BH):
            value = convolve(band, row, taps)
            at = dx + start * dx_stride + (first + row) * width * dx_stride + (j * dx_stride + d)
            # dx: (B, H, W, D), a tile (BW, BD) a row of the band
            tl.store(at, value.to(dx.dtype.element_ty), mask=here & (first + row < height))
            grown = ()
            for tap in tl.static_range(9):
                neighbour = band[3 * row + 8 - tap].to(tl.float32)
                grown = grown + (parts[tap] + sources[row].to(tl.float32) * neighbour,)
            parts = grown + (parts[9] + band[3 * row + 4].to(tl.float32),)
    for part in tl.static_range(10):
        # sums: (programs, 10, D), nine taps and the bias
        total = tl.sum(parts[part], axis=0)[None, :]
        tl.store(sums + (tl.program_id(0) * 10 + part) * channels + d, total, mask=known)


def launch_depthwise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve x (B, H, W, D) by weight (D, 1, 3, 3): SiLU of it plus bias."""
    return _convolve(x, weight, bias, None)


def launch_depthwise_backward(
    dout: Tensor, x: Tensor, weight: Tensor, bias: Tensor, dx: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x, weight (D, 1, 3, 3) and bias; the last two float32.

    Args:
        dout: gradient of the result, (B, H, W, D).
        x: as the forward pass took it.
        weight: (D, 1, 3, 3).
        bias: (D,).
        dx: takes the gradient of x, where given; its pixels evenly spaced.
    """
    batch, height, width, channels = x.shape
    x, stride = evenly_spaced(x)
    dlinear = _convolve(x, weight, bias, dout.contiguous())
    columns = min(COLUMNS, triton.next_power_of_2(width))
    blocks = triton.cdiv(channels, CHANNELS)
    bands = batch * triton.cdiv(height, ROWS_BACK) * triton.cdiv(width, columns)
    programs = min(bands, max(1, PER_UNIT * multiprocessors(x.device) // blocks))
    dx = torch.empty(x.shape, dtype=x.dtype, device=x.device) if dx is None else dx
    sums = torch.empty(programs, 10, channels, dtype=torch.float32, device=x.device)
    depthwise_backward[(programs, blocks)](
        dlinear, x, _by_tap(weight), dx, sums, bands, height, width, channels, stride, dx.stride(2),
        BH=ROWS_BACK, BW=columns, BD=CHANNELS,
    )  # fmt: skip
    total = sum_parts(sums[None])[0]
    return dx, total[:9].t().reshape(channels, 1, 3, 3), total[9]


def _convolve(x: Tensor, weight: Tensor, bias: Tensor, dout: Tensor | None) -> Tensor:
    """Return SiLU of the convolution or, where the gradient of that is given, the gradient before SiLU."""
    batch, height, width, channels = x.shape
    x, stride = evenly_spaced(x)
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    columns = min(COLUMNS, triton.next_power_of_2(width))
    rows = min(ROWS, triton.next_power_of_2(height))
    grid = (batch * triton.cdiv(height, rows) * triton.cdiv(width, columns), triton.cdiv(channels, CHANNELS))
    depthwise_forward[grid](
        x, _by_tap(weight), bias, x if dout is None else dout, out, height, width, channels, stride,
        BACK=dout is not None, BH=rows, BW=columns, BD=CHANNELS,
    )  # fmt: skip
    return out


def _by_tap(weight: Tensor) -> Tensor:
    """Return (D, 1, 3, 3) as (9, D): a program's reads of it are then in a row."""
    return weight.reshape(len(weight), 9).t().contiguous()
