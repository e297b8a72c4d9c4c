"""Two maps' channels as tokens, and what is then done to the maps: kernels and launches.

Letters: B images a map, L = H W pixels, C channels, S pieces a map is cut into. The two maps are handled as
one of 2B images. The first kernel multiplies a piece's pixels, as they lie, with the weights of those pixels
and leaves its sums to the second. Moments are of the channel less its first value, so that nothing is lost
where a channel is nearly constant; float32 values are multiplied less it too, narrow ones as they are.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from cipa.ops.fused.activations_triton import activate
from cipa.ops.fused.add_norm_triton import load_beside, tile_of
from cipa.ops.gpu import multiprocessors

PIXELS = 64
"""Pixels a step of the first kernel takes: with 32 of float32 it took 2.4 to 3 times as long (H200)."""
MOST_CHANNELS = {True: 64, False: 128}
WARPS = 8
PROGRAMS_PER_UNIT = 2
MOST_PIECES = 32
"""Of a map; float32's is cut in as many, for tensor cores cut their sums off in place of rounding them."""
JOINED = 8
"""Pieces that the second kernel reads together."""


@triton.jit(do_not_specialize=["chunk"])
def project_pieces(
    x, scale, weight, parts, moments, sums, chunk, channels, width,
    PIXELS: tl.constexpr, SCALED: tl.constexpr, SHIFTED: tl.constexpr,
    BP: tl.constexpr, BC: tl.constexpr, BW: tl.constexpr, ROWS: tl.constexpr,
) -> None:  # fmt: skip
    """Fill parts (2B, S, width, C), moments (2B, S, 2, C) and sums (S, width) of a piece of x (2B, L, C).

    Parts are the weights, times the norm's where SCALED, times the pixels; moments the sums of the pixels and
    of their squares, less the first value; sums are the weights' own. ROWS pixels lie in different lanes:
    moments are kept of each and joined at the end.
    """
    piece, image, block = tl.program_id(0), tl.program_id(1).to(tl.int64), tl.program_id(2)
    first_of_all = (image == 0) & (block == 0)
    c = block * BC + tl.arange(0, BC)[None, :]
    w = tl.arange(0, BW)[:, None]
    start = x + image * PIXELS * channels
    # a channel's first value, (BP, BC): sums of values less it lose nothing where a channel is constant
    shift = load_beside(start, c, tl.broadcast_to(c < channels, (BP, BC)))
    total = tl.zeros([BW, BC], tl.float32)
    moment = tl.zeros([ROWS, BC], tl.float32)
    square = tl.zeros([ROWS, BC], tl.float32)
    weights = tl.zeros([BW], tl.float32)
    end = tl.minimum((piece + 1) * chunk, PIXELS)
    for first in range(piece * chunk, end, BP):
        p = first + tl.arange(0, BP)
        row, column = p[:, None], p[None, :]
        # weight: (width, L), a tile (BW, BP)
        factor = tl.load(weight + w * PIXELS + column, mask=(w < width) & (column < end), other=0.0)
        if SCALED:
            # scale: (L,), a row (1, BP) of the weight's second axis
            beside = tl.load(scale + column, mask=column < end, other=0.0)
            factor = (factor.to(tl.float32) * beside.to(tl.float32)).to(x.dtype.element_ty)
        else:
            factor = factor.to(x.dtype.element_ty)
        if first_of_all:
            weights += tl.sum(factor.to(tl.float32), axis=1)
        mask = (row < end) & (c < channels)
        # x: (2B, L, C), a tile (BP, BC)
        value = tl.load(start + row * channels + c, mask=mask, other=0.0)
        less = tl.where(mask, value.to(tl.float32) - shift, 0.0)
        # ROWS partial sums a channel: the last sum over rows is made once, after the loop
        moment += tl.sum(tl.reshape(less, (BP // ROWS, ROWS, BC)), axis=0)
        square += tl.sum(tl.reshape(less * less, (BP // ROWS, ROWS, BC)), axis=0)
        total = tl.dot(factor, less if SHIFTED else value, total, input_precision="tf32x3")
    place = image * tl.num_programs(0) + piece
    # parts: (2B, S, width, C), a tile (BW, BC)
    tl.store(parts + (place * width + w) * channels + c, total, mask=(w < width) & (c < channels))
    at = moments + place * 2 * channels + c
    # moments: (2B, S, 2, C), sums and, C further on, squares
    tl.store(at, tl.sum(moment, axis=0)[None, :], mask=c < channels)
    tl.store(at + channels, tl.sum(square, axis=0)[None, :], mask=c < channels)
    w = tl.arange(0, BW)
    # sums: (S, width), the same for every image: the first one's program writes them
    tl.store(sums + piece * width + w, weights, mask=(w < width) & first_of_all)


@triton.jit(do_not_specialize=["batch", "pieces"])
def join_pieces(
    x, parts, moments, sums, bias, out, batch, pieces, pixels, channels, width, eps,
    SHIFTED: tl.constexpr, BS: tl.constexpr, BC: tl.constexpr, BW: tl.constexpr,
) -> None:  # fmt: skip
    """Fill out (B, 2C, width) with GELU(weights times normalised channels + bias)."""
    image = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * BC + tl.arange(0, BC)
    w = tl.program_id(2) * BW + tl.arange(0, BW)
    known, wide = c < channels, w < width
    total = tl.zeros([BC, BW], tl.float32)
    moment = tl.zeros([BC], tl.float32)
    square = tl.zeros([BC], tl.float32)
    weights = tl.zeros([BW], tl.float32)
    for first in range(0, pieces, BS):
        piece = first + tl.arange(0, BS)
        there = (piece < pieces)[:, None]
        own = (image * pieces + piece)[:, None]
        at = ((own * width)[:, :, None] + w[None, None, :]) * channels + c[None, :, None]
        mask = there[:, :, None] & known[None, :, None] & wide[None, None, :]
        # parts: (2B, S, width, C), a block (BS, BC, BW)
        total += tl.sum(tl.load(parts + at, mask=mask, other=0.0), axis=0)
        mask = there & known[None, :]
        at = moments + own * 2 * channels + c[None, :]
        # moments: (2B, S, 2, C), tiles (BS, BC) of sums and, C further on, of squares
        moment += tl.sum(tl.load(at, mask=mask, other=0.0), axis=0)
        square += tl.sum(tl.load(at + channels, mask=mask, other=0.0), axis=0)
        at = sums + piece[:, None] * width + w[None, :]
        # sums: (S, width), a tile (BS, BW)
        weights += tl.sum(tl.load(at, mask=there & wide[None, :], other=0.0), axis=0)
    mean = moment / pixels
    deviation = tl.rsqrt(tl.maximum(square / pixels - mean * mean, 0.0) + eps)
    if not SHIFTED:
        # x: (2B, L, C), each channel's first value (BC,), which the sums were taken less
        mean += tl.load(x + image * pixels * channels + c, mask=known, other=0.0).to(tl.float32)
    y = (total - mean[:, None] * weights[None, :]) * deviation[:, None]
    # bias: (width,), a row (1, BW)
    y += tl.load(bias + w, mask=wide, other=0.0).to(tl.float32)[None, :]
    # an image of the second map has its tokens behind those of the first
    token = image % batch * 2 * channels + image // batch * channels + c
    at = out + token[:, None] * width + w[None, :]
    # out: (B, 2 C, width), a tile (BC, BW)
    tl.store(at, activate(y, "gelu").to(out.dtype.element_ty), mask=known[:, None] & wide[None, :])


@triton.jit(do_not_specialize=["batch", "pixels"])
def amplify_forward(x, logits, out, batch, pixels, channels, ROWS: tl.constexpr, BD: tl.constexpr) -> None:
    """Fill out (2B, L, C) with x (1 + sigmoid(logits)); those are (B, 2C)."""
    image = tl.program_id(1).to(tl.int64)
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS))[:, None]
    d = tl.arange(0, BD)[None, :]
    mask = (row < pixels) & (d < channels)
    at = (image * pixels + row) * channels + d
    # x: (2B, L, C), a tile (ROWS, BD)
    value = tl.load(x + at, mask=mask, other=0.0).to(tl.float32)
    # logits: (B, 2C), both maps' channels in a row
    logit = load_beside(logits + (image % batch * 2 + image // batch) * channels, d, mask)
    tl.store(out + at, (value * (1.0 + tl.sigmoid(logit))).to(out.dtype.element_ty), mask=mask)


def both_maps(first: Tensor, second: Tensor) -> Tensor:
    """Return two maps (B, ...) as one (2B, ...), without a copy where they are the halves of one."""
    first, second = first.contiguous(), second.contiguous()
    follows = (
        first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr()
        and second.storage_offset() == first.storage_offset() + first.numel()
    )
    if not follows:
        return torch.cat([first, second])
    return first.as_strided((2 * len(first), *first.shape[1:]), first.stride())


def launch_map_tokens(
    first: Tensor,
    second: Tensor,
    norm_weight: Tensor | None,
    norm_bias: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    dtype: torch.dtype,
) -> Tensor:
    """Return tokens (B, 2C, width) in `dtype`; arguments as of `cipa.ops.fused.map_tokens`."""
    x = both_maps(first, second)
    images, height, columns, channels = x.shape
    pixels, width = height * columns, len(weight)
    if norm_bias is not None:
        bias = torch.mv(weight, norm_bias) + bias
    exact = x.dtype == torch.float32
    step = PIXELS
    block = min(MOST_CHANNELS[exact], max(16, triton.next_power_of_2(channels)))
    block = block if channels < block else 64
    blocks = triton.cdiv(channels, block)
    wanted = MOST_PIECES
    if not exact:
        wanted = triton.cdiv(PROGRAMS_PER_UNIT * multiprocessors(x.device), images * blocks)
    chunk = triton.cdiv(triton.cdiv(pixels, min(wanted, MOST_PIECES)), step) * step
    pieces = triton.cdiv(pixels, chunk)
    parts = torch.empty(images, pieces, width, channels, dtype=torch.float32, device=x.device)
    moments = torch.empty(images, pieces, 2, channels, dtype=torch.float32, device=x.device)
    sums = torch.empty(pieces, width, dtype=torch.float32, device=x.device)
    project_pieces[(pieces, images, blocks)](
        x, weight if norm_weight is None else norm_weight, weight.contiguous(), parts, moments, sums,
        chunk, channels, width, PIXELS=pixels, SCALED=norm_weight is not None, SHIFTED=exact,
        BP=step, BC=block, BW=max(16, triton.next_power_of_2(width)),
        ROWS=min(step, WARPS * 32 * (16 // x.element_size()) // block), num_warps=WARPS,
    )  # fmt: skip
    out = torch.empty(images // 2, 2 * channels, width, dtype=dtype, device=x.device)
    few, wide = 16, min(32, triton.next_power_of_2(width))
    join_pieces[(images, triton.cdiv(channels, few), triton.cdiv(width, wide))](
        x, parts, moments, sums, bias, out, images // 2, pieces, pixels, channels, width, eps,
        SHIFTED=exact, BS=min(JOINED, triton.next_power_of_2(pieces)), BC=few, BW=wide,
    )  # fmt: skip
    return out


def launch_amplify(first: Tensor, second: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return both maps (B, H, W, C) times 1 + sigmoid(logits); those are (B, 2C)."""
    x = both_maps(first, second)
    images, channels = len(x), x.shape[-1]
    pixels = x.numel() // (images * channels)
    out = torch.empty_like(x)
    rows, block = tile_of(channels)
    amplify_forward[(triton.cdiv(pixels, rows), images)](
        x, logits.contiguous(), out, images // 2, pixels, channels, ROWS=rows, BD=block
    )
    amplified = out.chunk(2)
    return amplified[0], amplified[1]
