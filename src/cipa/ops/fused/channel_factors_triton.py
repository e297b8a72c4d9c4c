"""Channel attention's factors: kernels and launch.

The first kernel leaves each chunk of pixels its sums and maxima, the second joins an image's chunks and runs
the perceptron on them. Letters: B images, D channels, R = narrow hidden channels.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from cipa.ops.gpu import multiprocessors

MOST_ROWS, TILE = 16, 2048
"""Pixels of a tile at the most, and its values: more would not stay in registers."""
MOST_CHUNKS = 128
"""Of an image: one program joins them all."""
PROGRAMS_PER_UNIT = 8
JOINED, JOINING_WARPS = 16384, 16
"""Values of a tile and warps of the program that joins an image's chunks: it waits for memory alone, so its
reads go out together."""


@triton.jit(do_not_specialize=["pixels", "chunk"])
def pool_chunks(x, parts, pixels, chunk, channels, ROWS: tl.constexpr, BD: tl.constexpr) -> None:
    """Fill parts (B, chunks, 2, D) with the sums and the maxima of a chunk of pixels of x (B, pixels, D)."""
    d = tl.arange(0, BD)[None, :]
    image = tl.program_id(1).to(tl.int64)
    first = tl.program_id(0) * chunk
    end = tl.minimum(first + chunk, pixels)
    total = tl.zeros([ROWS, BD], tl.float32)
    largest = tl.full([ROWS, BD], float("-inf"), tl.float32)
    for start in range(first, end, ROWS):
        pixel = start + tl.arange(0, ROWS)[:, None]
        mask = (pixel < end) & (d < channels)
        # x: (B, pixels, D), a tile (ROWS, BD)
        value = tl.load(x + (image * pixels + pixel) * channels + d, mask=mask, other=0.0).to(tl.float32)
        total += value
        largest = tl.maximum(largest, tl.where(mask, value, float("-inf")))
    at = parts + (image * tl.num_programs(0) + tl.program_id(0)) * 2 * channels + tl.arange(0, BD)
    known = tl.arange(0, BD) < channels
    # parts: (B, chunks, 2, D), sums then maxima
    tl.store(at, tl.sum(total, axis=0), mask=known)
    tl.store(at + channels, tl.max(largest, axis=0), mask=known)


@triton.jit(do_not_specialize=["pixels", "chunks"])
def attend(
    parts, down, up, bias, out, pixels, chunks, channels, narrow,
    BIAS: tl.constexpr, ROWS: tl.constexpr, BD: tl.constexpr, BR: tl.constexpr,
) -> None:  # fmt: skip
    """Fill out (B, D) with the factors of an image, of the map + bias where BIAS."""
    d = tl.arange(0, BD)
    known = d < channels
    total = tl.zeros([ROWS, BD], tl.float32)
    largest = tl.full([ROWS, BD], float("-inf"), tl.float32)
    for start in range(0, chunks, ROWS):
        part = start + tl.arange(0, ROWS)[:, None]
        at = parts + (tl.program_id(0) * chunks + part) * 2 * channels + d[None, :]
        mask = (part < chunks) & known[None, :]
        # parts: (B, chunks, 2, D), tiles (ROWS, BD) of sums and, D further on, of maxima
        total += tl.load(at, mask=mask, other=0.0)
        largest = tl.maximum(largest, tl.load(at + channels, mask=mask, other=float("-inf")))
    mean = tl.sum(total, axis=0) / pixels
    peak = tl.where(known, tl.max(largest, axis=0), 0.0)
    if BIAS:
        # bias: (D,)
        shift = tl.load(bias + d, mask=known, other=0.0).to(tl.float32)
        mean += shift
        peak += shift
    r = tl.arange(0, BR)[:, None]
    mask = (r < narrow) & known[None, :]
    # down: (R, D), a tile (BR, BD)
    weight = tl.load(down + r * channels + d[None, :], mask=mask, other=0.0).to(tl.float32)
    of_mean = tl.sum(weight * mean[None, :], axis=1)
    of_peak = tl.sum(weight * peak[None, :], axis=1)
    hidden = of_mean * tl.sigmoid(of_mean) + of_peak * tl.sigmoid(of_peak)
    # up: (D, R), read transposed as (BR, BD), so that both sums stay within the tile
    weight = tl.load(up + d[None, :] * narrow + r, mask=mask, other=0.0).to(tl.float32)
    factor = tl.sigmoid(tl.sum(weight * hidden[:, None], axis=0))
    # out: (B, D)
    tl.store(out + tl.program_id(0) * channels + d, factor.to(out.dtype.element_ty), mask=known)


def launch_channel_factors(x: Tensor, down: Tensor, up: Tensor, bias: Tensor | None) -> Tensor:
    """Return the factors (B, 1, 1, D) of x (B, H, W, D) + bias; down is (R, D), up (D, R)."""
    batch, height, width, channels = x.shape
    pixels = height * width
    block = triton.next_power_of_2(channels)
    rows = max(1, min(MOST_ROWS, TILE // block))
    wanted = min(MOST_CHUNKS, triton.cdiv(PROGRAMS_PER_UNIT * multiprocessors(x.device), batch))
    chunk = triton.cdiv(triton.cdiv(pixels, wanted), rows) * rows
    chunks = triton.cdiv(pixels, chunk)
    parts = torch.empty(batch, chunks, 2, channels, dtype=torch.float32, device=x.device)
    out = x.new_empty(batch, 1, 1, channels)
    pool_chunks[(chunks, batch)](x, parts, pixels, chunk, channels, ROWS=rows, BD=block)
    attend[(batch,)](
        parts, down.contiguous(), up.contiguous(), down if bias is None else bias, out,
        pixels, chunks, channels, len(down),
        BIAS=bias is not None, ROWS=min(triton.next_power_of_2(chunks), max(1, JOINED // block)), BD=block,
        BR=triton.next_power_of_2(len(down)), num_warps=JOINING_WARPS,
    )  # fmt: skip
    return out
