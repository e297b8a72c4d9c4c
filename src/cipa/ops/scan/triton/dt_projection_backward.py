"""The backward pass of the dt projection: from gradients of steps, B and C to those of projection and weight.

Letters: rows are all pixels of all images, D channels, K directions, R rank of the step, N states.

The gradient of the raw steps, (rows, K, D), is the largest here: where the weight's gradient (D, R) of a
direction fits in a program's registers, one pass over it makes both results. Else there are two, and so in
float32, whose products take three times the registers.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from cipa.ops.fused.partial_sums_triton import sum_parts
from cipa.ops.gpu import multiprocessors

ROWS = 64
CHANNELS = 64
WARPS = 4
STAGES = 3
HELD = 96 * 32 * WARPS
"""Values of the weight's gradient that a program adds up in its registers."""

TILE_BYTES = 48 * 1024
"""Most bytes of d_raw in one of a program's STAGES buffers: a multiprocessor has 227 KiB."""


@triton.jit
def write_pair(
    dvalues, dprojection, row, k, rows,
    K: tl.constexpr, N: tl.constexpr, R: tl.constexpr, PAIR: tl.constexpr, BLOCKS: tl.constexpr,
) -> None:  # fmt: skip
    """Fill dprojection's columns of B and C with the sum of dvalues (rows, K, BLOCKS, 2 N)."""
    n = tl.arange(0, PAIR)[None, :]
    mask = (row < rows)[:, None] & (n < 2 * N)
    at = (row * K + k)[:, None]
    total = tl.zeros([row.shape[0], PAIR], tl.float32)
    for block in tl.static_range(BLOCKS):
        # dvalues: (rows, K, BLOCKS, 2 N), a tile (ROWS, PAIR)
        total += tl.load(dvalues + (at * BLOCKS + block) * (2 * N) + n, mask=mask, other=0.0)
    tl.store(dprojection + at * (R + 2 * N) + R + n, total.to(dprojection.dtype.element_ty), mask=mask)


@triton.jit
def load_dt_weight(weight, k, d, r, channels, R: tl.constexpr):
    """Return the weight (K, channels, R) of a direction's channels d as a tile (channels, rank)."""
    mask = (d < channels)[:, None] & (r < R)[None, :]
    # weight: (K, D, R), a tile (BD, RANK)
    return tl.load(weight + (k * channels + d)[:, None] * R + r[None, :], mask=mask, other=0.0)


@triton.jit(do_not_specialize=["rows"])
def projection_backward(
    d_raw, dvalues, weight, dprojection, rows, channels,
    K: tl.constexpr, N: tl.constexpr, R: tl.constexpr, RANK: tl.constexpr, PAIR: tl.constexpr,
    BLOCKS: tl.constexpr, ROWS: tl.constexpr, BD: tl.constexpr,
) -> None:  # fmt: skip
    """Fill dprojection (rows, K, R + 2 N): d_raw (rows, K, channels) times weight, and the sum of dvalues."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    k = tl.program_id(1)
    if R > 0:
        r = tl.arange(0, RANK)
        total = tl.zeros([ROWS, RANK], tl.float32)
        for first in range(0, channels, BD):
            d = first + tl.arange(0, BD)
            # d_raw: (rows, K, D), a tile (ROWS, BD)
            tile = tl.load(
                d_raw + (row * K + k)[:, None] * channels + d[None, :],
                mask=(row < rows)[:, None] & (d < channels)[None, :], other=0.0,
            )  # fmt: skip
            dt_weight = load_dt_weight(weight, k, d, r, channels, R).to(tile.dtype)
            # (ROWS, BD) times (BD, RANK)
            total = tl.dot(tile, dt_weight, total, input_precision="tf32x3")
        # dt_low's part of dprojection: (rows, K, R + 2 N), a tile (ROWS, RANK)
        tl.store(
            dprojection + (row * K + k)[:, None] * (R + 2 * N) + r[None, :],
            total.to(dprojection.dtype.element_ty), mask=(row < rows)[:, None] & (r < R)[None, :],
        )  # fmt: skip
    write_pair(dvalues, dprojection, row, k, rows, K, N, R, PAIR, BLOCKS)


@triton.jit(do_not_specialize=["rows"])
def weight_backward(
    d_raw, dvalues, projection, weight, dprojection, dweight, rows, channels,
    K: tl.constexpr, N: tl.constexpr, R: tl.constexpr, RANK: tl.constexpr, PAIR: tl.constexpr,
    BLOCKS: tl.constexpr, ROWS: tl.constexpr, BD: tl.constexpr, PARTS: tl.constexpr, PROJECT: tl.constexpr,
) -> None:  # fmt: skip
    """Fill a program's part of dweight (., K, channels, R): d_raw transposed times the projection's first R.

    A program takes PARTS x BD channels; where those are all, PROJECT fills dprojection in the same pass.
    """
    k = tl.program_id(1)
    start = tl.program_id(2) * (PARTS * BD)
    r = tl.arange(0, RANK)
    sums = ()
    dt_weight = ()
    for part in tl.static_range(PARTS):
        sums = sums + (tl.zeros([BD, RANK], tl.float32),)
        if PROJECT:
            d = start + part * BD + tl.arange(0, BD)
            dt_weight = dt_weight + (load_dt_weight(weight, k, d, r, channels, R).to(d_raw.dtype.element_ty),)
    for block in range(tl.program_id(0), tl.cdiv(rows, ROWS), tl.num_programs(0)):
        row = (block * ROWS + tl.arange(0, ROWS)).to(tl.int64)
        low_mask = (row < rows)[:, None] & (r < R)[None, :]
        low_at = (row * K + k)[:, None] * (R + 2 * N) + r[None, :]
        # dt_low of projection: (rows, K, R + 2 N), a tile (ROWS, RANK)
        low = tl.load(projection + low_at, mask=low_mask, other=0.0).to(d_raw.dtype.element_ty)
        total = tl.zeros([ROWS, RANK], tl.float32)
        grown = ()
        for part in tl.static_range(PARTS):
            d = start + part * BD + tl.arange(0, BD)
            # d_raw: (rows, K, D), a tile (ROWS, BD)
            tile = tl.load(
                d_raw + (row * K + k)[:, None] * channels + d[None, :],
                mask=(row < rows)[:, None] & (d < channels)[None, :], other=0.0,
            )  # fmt: skip
            # (BD, ROWS) times (ROWS, RANK): the weight's gradient, summed over this program's rows
            grown = grown + (tl.dot(tl.trans(tile), low, sums[part], input_precision="tf32x3"),)
            if PROJECT:
                total = tl.dot(tile, dt_weight[part], total, input_precision="tf32x3")
        sums = grown
        if PROJECT:
            # dprojection: (rows, K, R + 2 N), a tile (ROWS, RANK)
            tl.store(dprojection + low_at, total.to(dprojection.dtype.element_ty), mask=low_mask)
            write_pair(dvalues, dprojection, row, k, rows, K, N, R, PAIR, BLOCKS)
    for part in tl.static_range(PARTS):
        d = start + part * BD + tl.arange(0, BD)
        at = ((tl.program_id(0) * K + k) * channels + d)[:, None] * R + r[None, :]
        # dweight: (programs, K, D, R), a tile (BD, RANK)
        tl.store(dweight + at, sums[part], mask=(d < channels)[:, None] & (r < R)[None, :])


def dt_projection_gradients(
    d_raw: Tensor, dvalues: Tensor, projection: Tensor, dt_weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradients of projection, in its shape and type, and of dt_weight, float32.

    Args:
        d_raw: gradient of the raw step, (B, L, K, D).
        dvalues: that of B and C, (B, L, K, S, 2 N), float32, in S parts to be added up.
        projection: (B, H, W, K, R + 2 N).
        dt_weight: (K, D, R).
    """
    count, channels, rank = dt_weight.shape
    blocks, pair = dvalues.shape[3:]
    rows = d_raw.numel() // (count * channels)
    projection, weight = projection.contiguous(), dt_weight.contiguous()
    dprojection = torch.empty_like(projection)
    block = max(16, min(CHANNELS, triton.next_power_of_2(channels)))
    constants = {
        "K": count, "N": pair // 2, "R": rank, "RANK": max(16, triton.next_power_of_2(rank)),
        "PAIR": triton.next_power_of_2(pair), "ROWS": ROWS, "BD": block, "BLOCKS": blocks, "num_warps": WARPS,
        "num_stages": STAGES if rank <= 128 else 1,
    }  # fmt: skip
    tiles = triton.cdiv(channels, block)
    tile_bytes = ROWS * block * d_raw.element_size()
    splits = triton.cdiv(tiles, max(1, min(HELD // (block * constants["RANK"]), TILE_BYTES // tile_bytes)))
    together = splits == 1 and d_raw.element_size() < 4
    if not together or rank == 0:
        projection_backward[(triton.cdiv(rows, ROWS), count)](
            d_raw, dvalues, weight, dprojection, rows, channels, **constants
        )
    if rank == 0:
        return dprojection, torch.zeros_like(weight, dtype=torch.float32)
    parts = triton.cdiv(tiles, splits)
    programs = (2 if parts * tile_bytes <= TILE_BYTES // 2 else 1) * multiprocessors(d_raw.device)
    programs = min(triton.cdiv(rows, ROWS), max(1, programs // (count * splits)))
    dweight = torch.empty(programs, *weight.shape, dtype=torch.float32, device=d_raw.device)
    weight_backward[(programs, count, splits)](
        d_raw, dvalues, projection, weight, dprojection, dweight, rows, channels,
        **constants, PARTS=parts, PROJECT=together,
    )  # fmt: skip
    return dprojection, sum_parts(dweight[None])[0]
