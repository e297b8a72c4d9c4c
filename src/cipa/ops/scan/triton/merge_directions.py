"""The sum over directions, in one read."""

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit(do_not_specialize=["rows"])
def sum_directions(
    source, out, rows, channels, K: tl.constexpr, ROWS: tl.constexpr, BD: tl.constexpr
) -> None:
    """Fill out (rows, channels) with the sum of source (rows, K, channels), in float32 inside."""
    row = (tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS))[:, None]
    d = (tl.program_id(1) * BD + tl.arange(0, BD))[None, :]
    mask = (row < rows) & (d < channels)
    total = tl.zeros([ROWS, BD], tl.float32)
    for k in tl.static_range(K):
        # source: (rows, K, D), a tile (ROWS, BD)
        total += tl.load(source + (row * K + k) * channels + d, mask=mask, other=0.0).to(tl.float32)
    tl.store(out + row * channels + d, total.to(out.dtype.element_ty), mask=mask)


def merge_directions(source: Tensor) -> Tensor:
    """Sum (B, L, K, D) over K: (B, L, D), in the source's type."""
    batch, length, count, channels = source.shape
    if count == 1:
        return source.squeeze(2)
    out = torch.empty(batch, length, channels, dtype=source.dtype, device=source.device)
    rows, block = 8, min(256, triton.next_power_of_2(channels))
    sum_directions[(triton.cdiv(batch * length, rows), triton.cdiv(channels, block))](
        source, out, batch * length, channels, K=count, ROWS=rows, BD=block
    )
    return out
