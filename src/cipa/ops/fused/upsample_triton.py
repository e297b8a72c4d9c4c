"""Bilinear doubling of channel-last maps, and the backward pass through LayerNorm and projection behind it.

Corners are not aligned: output 2i takes a quarter of input i-1 and three quarters of i, output 2i+1 three
quarters of i and a quarter of i+1; at a border the missing neighbour is the border itself. The gradient
gathers, each input pixel from the outputs it went into: no atomic addition.

The last map of the decoder, 512 x 512 x 96, is 50 MB a slice in bfloat16 and only the logits of it are
wanted: it is never written (`upsample_logits_triton.py`), and the backward pass recomputes it in registers.
Letters: B images, H x W grid of the source, D channels.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from cipa.ops.fused.add_norm_triton import norm_backward
from cipa.ops.fused.partial_sums_triton import sum_parts
from cipa.ops.gpu import multiprocessors

PIXELS = 16
CHANNELS = 64


@triton.jit
def doubled(x, image, i, j, d, mask, height, width, channels):
    """Return output pixels (i, j) of a doubled image, float32; i is a number, j a column of them."""
    row = i // 2
    other_row = tl.minimum(tl.maximum(row + (i % 2) * 2 - 1, 0), height - 1)
    column = j // 2
    other_column = tl.minimum(tl.maximum(column + (j % 2) * 2 - 1, 0), width - 1)
    here = (image * height + row) * width
    beside = (image * height + other_row) * width
    # x: (B, H, W, D), four tiles (BW, BD): here, beside, above or below, across
    a = tl.load(x + (here + column) * channels + d, mask=mask, other=0.0).to(tl.float32)
    b = tl.load(x + (here + other_column) * channels + d, mask=mask, other=0.0).to(tl.float32)
    e = tl.load(x + (beside + column) * channels + d, mask=mask, other=0.0).to(tl.float32)
    f = tl.load(x + (beside + other_column) * channels + d, mask=mask, other=0.0).to(tl.float32)
    # 3/4 and 1/4 in each direction: a doubled pixel lies a quarter from its source
    return 0.5625 * a + 0.1875 * (b + e) + 0.0625 * f


@triton.jit(do_not_specialize=["height", "width"])
def double_forward(x, out, height, width, channels, BW: tl.constexpr, BD: tl.constexpr) -> None:
    """Fill out (B, 2H, 2W, D)."""
    strips = tl.cdiv(2 * width, BW)
    image = (tl.program_id(0) // (strips * 2 * height)).to(tl.int64)
    i = (tl.program_id(0) // strips) % (2 * height)
    j = ((tl.program_id(0) % strips) * BW + tl.arange(0, BW))[:, None]
    d = (tl.program_id(1) * BD + tl.arange(0, BD))[None, :]
    mask = (j < 2 * width) & (d < channels)
    value = doubled(x, image, i, j, d, mask, height, width, channels)
    at = ((image * 2 * height + i) * (2 * width) + j) * channels + d
    # out: (B, 2H, 2W, D), a tile (BW, BD)
    tl.store(out + at, value.to(out.dtype.element_ty), mask=mask)


@triton.jit
def share(index, size, tap: tl.constexpr):
    """Return the output (clamped) that `index` went into at tap 0 to 3, and its weight; 0 beyond borders."""
    output = 2 * index - 1 + tap
    usual: tl.constexpr = 0.25 if tap == 0 or tap == 3 else 0.75
    inside = (output >= 0) & (output < 2 * size)
    at_border = ((index == 0) & (output == 0)) | ((index == size - 1) & (output == 2 * size - 1))
    weight = tl.where(at_border, 1.0, usual)
    return tl.minimum(tl.maximum(output, 0), 2 * size - 1), tl.where(inside, weight, 0.0)


@triton.jit(do_not_specialize=["height", "width"])
def double_backward(dout, dx, height, width, channels, BW: tl.constexpr, BD: tl.constexpr) -> None:
    """Fill dx (B, H, W, D) from dout (B, 2H, 2W, D)."""
    strips = tl.cdiv(width, BW)
    image = (tl.program_id(0) // (strips * height)).to(tl.int64)
    i = (tl.program_id(0) // strips) % height
    j = ((tl.program_id(0) % strips) * BW + tl.arange(0, BW))[:, None]
    d = (tl.program_id(1) * BD + tl.arange(0, BD))[None, :]
    mask = (j < width) & (d < channels)
    total = tl.zeros([BW, BD], tl.float32)
    for tap in tl.static_range(16):
        row, row_weight = share(i, height, tap // 4)
        column, column_weight = share(j, width, tap % 4)
        at = ((image * 2 * height + row) * (2 * width) + column) * channels + d
        # dout: (B, 2H, 2W, D), a tile (BW, BD); 16 gathers, so that no sum needs an atomic addition
        total += row_weight * column_weight * tl.load(dout + at, mask=mask, other=0.0).to(tl.float32)
    # dx: (B, H, W, D), a tile (BW, BD)
    tl.store(dx + ((image * height + i) * width + j) * channels + d, total.to(dx.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=["strips_in_all", "height", "width"])
def double_norm_project_backward(
    dlogits, x, weight, bias, projection, ddoubled, dweight, dbias, dprojection,
    strips_in_all, height, width, channels, eps,
    CLASSES: tl.constexpr, BW: tl.constexpr, BD: tl.constexpr,
) -> None:  # fmt: skip
    """Fill ddoubled (B, 2H, 2W, D) and each program's part of the parameters' gradients."""
    strips = tl.cdiv(2 * width, BW)
    d = tl.arange(0, BD)[None, :]
    known = d < channels
    # weight, bias: (D,), rows (1, BD); read once for all strips of the program
    scale = tl.load(weight + d, mask=known, other=0.0).to(tl.float32)
    shift = tl.load(bias + d, mask=known, other=0.0).to(tl.float32)
    weight_sum = tl.zeros([BW, BD], tl.float32)
    bias_sum = tl.zeros([BW, BD], tl.float32)
    factor_sums = ()
    for _ in tl.static_range(CLASSES):
        factor_sums = factor_sums + (tl.zeros([BW, BD], tl.float32),)
    for strip in range(tl.program_id(0), strips_in_all, tl.num_programs(0)):
        image = (strip // (strips * 2 * height)).to(tl.int64)
        i = (strip // strips) % (2 * height)
        j = (strip % strips) * BW + tl.arange(0, BW)
        mask = (j < 2 * width)[:, None] & known
        value = doubled(x, image, i, j[:, None], d, mask, height, width, channels)
        at = (image * 2 * height + i) * (2 * width) + j
        upstream = tl.zeros([BW, BD], tl.float32)
        slopes = ()
        for c in tl.static_range(CLASSES):
            # dlogits: (B, 2H, 2W, CLASSES), (BW,)
            dlogit = tl.load(dlogits + at * CLASSES + c, mask=j < 2 * width, other=0.0)
            slopes = slopes + (dlogit.to(tl.float32)[:, None],)
            # projection: (CLASSES, D), a row (1, BD)
            factor = tl.load(projection + c * channels + d, mask=known, other=0.0).to(tl.float32)
            upstream += slopes[c] * factor
        normed, gradient = norm_backward(value, upstream * scale, mask, channels, eps)
        grown = ()
        for c in tl.static_range(CLASSES):
            grown = grown + (factor_sums[c] + slopes[c] * (normed * scale + shift),)
        factor_sums = grown
        weight_sum += upstream * normed
        bias_sum += upstream
        # ddoubled: (B, 2H, 2W, D), a tile (BW, BD)
        tl.store(ddoubled + at[:, None] * channels + d, gradient.to(ddoubled.dtype.element_ty), mask=mask)
    out = tl.program_id(0) * channels + d
    # dweight, dbias: (programs, D), dprojection: (programs, CLASSES, D); the caller adds them up
    tl.store(dweight + out, tl.sum(weight_sum, axis=0)[None, :], mask=known)
    tl.store(dbias + out, tl.sum(bias_sum, axis=0)[None, :], mask=known)
    for c in tl.static_range(CLASSES):
        own = dprojection + (tl.program_id(0) * CLASSES + c) * channels + d
        tl.store(own, tl.sum(factor_sums[c], axis=0)[None, :], mask=known)


def launch_double(x: Tensor) -> Tensor:
    """Double x (B, H, W, D)."""
    batch, height, width, channels = x.shape
    out = torch.empty(batch, 2 * height, 2 * width, channels, dtype=x.dtype, device=x.device)
    columns = min(PIXELS, triton.next_power_of_2(2 * width))
    grid = (batch * 2 * height * triton.cdiv(2 * width, columns), triton.cdiv(channels, CHANNELS))
    double_forward[grid](x.contiguous(), out, height, width, channels, BW=columns, BD=CHANNELS)
    return out


def launch_double_backward(dout: Tensor) -> Tensor:
    """Return the gradient (B, H, W, D) of a doubled map from its own, (B, 2H, 2W, D)."""
    batch, height, width, channels = dout.shape[0], dout.shape[1] // 2, dout.shape[2] // 2, dout.shape[3]
    dx = torch.empty(batch, height, width, channels, dtype=dout.dtype, device=dout.device)
    columns = min(PIXELS, triton.next_power_of_2(width))
    grid = (batch * height * triton.cdiv(width, columns), triton.cdiv(channels, CHANNELS))
    double_backward[grid](dout.contiguous(), dx, height, width, channels, BW=columns, BD=CHANNELS)
    return dx


def launch_double_norm_project_backward(
    dlogits: Tensor, x: Tensor, weight: Tensor, bias: Tensor, projection: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of x, weight, bias and projection; the last three float32."""
    batch, height, width, channels = x.shape
    classes = len(projection)
    columns = min(PIXELS, triton.next_power_of_2(2 * width))
    strips = batch * 2 * height * triton.cdiv(2 * width, columns)
    programs = min(strips, 8 * multiprocessors(x.device))
    ddoubled = torch.empty(batch, 2 * height, 2 * width, channels, dtype=x.dtype, device=x.device)
    sums = torch.empty(2, programs, channels, dtype=torch.float32, device=x.device)
    factors = torch.empty(programs, classes, channels, dtype=torch.float32, device=x.device)
    double_norm_project_backward[(programs,)](
        dlogits.contiguous(), x, weight, bias, projection.contiguous(), ddoubled, sums[0], sums[1], factors,
        strips, height, width, channels, eps,
        CLASSES=classes, BW=columns, BD=triton.next_power_of_2(channels), num_warps=8,
    )  # fmt: skip
    dweight, dbias = sum_parts(sums)
    return launch_double_backward(ddoubled), dweight, dbias, sum_parts(factors[None])[0]
