"""LayerNorm over the channels of sixteen rows at a time, for the CPU's fused passes.

A row's sum over sixteen lanes is the expensive part of a narrow norm. Sixteen rows leave a vector each in
scratch memory, and a tree of additions sums all of them at once (`simd.totals`).

D channels, at least sixteen, are read as vectors. Where sixteen does not divide D the last vector begins at
D - 16 and overlaps the one before; `fresh` holds 0 for lanes that were counted already and 1 for the others.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from torch import Tensor

from cipa.ops.scan.cpu.simd import LANES, fma, load, splat, store, totals

_ZERO = np.float32(0)


def values_of(tensor: Tensor) -> np.ndarray:
    """Return a tensor's values, in order; float32 on a CPU."""
    return tensor.detach().contiguous().numpy()


@lru_cache(maxsize=64)
def fresh_lanes(channels: int) -> np.ndarray:
    """Return float32 (16,), 1 for the lanes of the last vector of D channels that none before holds."""
    lanes = np.arange(LANES) >= -channels % LANES
    return lanes.astype(np.float32)


@njit(nogil=True, inline="always")
def lane_of(block, channels) -> Any:
    """First channel of a vector of a row."""
    return min(block * LANES, channels - LANES)


@njit(nogil=True, inline="always")
def norm_rows(rows, count, channels, fresh, eps, partial, means, scales) -> None:
    """Mean and 1 / deviation of each of up to sixteen rows.

    Args:
        rows: (16 D,) values, row by row.
        count: rows that are there.
        channels: D.
        fresh: as `fresh_lanes` gave it.
        eps: added to the variance.
        partial: (256,) scratch memory.
        means: (16,), written.
        scales: (16,), written.
    """
    blocks = (channels + LANES - 1) // LANES
    keep = load(fresh, 0)
    part = np.float32(1) / np.float32(channels)
    for row in range(count):  # of rows (16, D), a vector (16,) of channels at a time
        total = load(rows, row * channels + lane_of(blocks - 1, channels)) * keep
        for block in range(blocks - 1):
            total = total + load(rows, row * channels + block * LANES)
        store(partial, row * LANES, total)
    store(means, 0, totals(partial, 0) * part)
    # A second pass, over rows that the cache holds: E(x^2) - E(x)^2 loses the digits of small deviations.
    for row in range(count):
        mean = splat(means[row])
        off = (load(rows, row * channels + lane_of(blocks - 1, channels)) - mean) * keep
        total = off * off
        for block in range(blocks - 1):
            off = load(rows, row * channels + block * LANES) - mean
            total = fma(off, off, total)
        store(partial, row * LANES, total)
    store(scales, 0, totals(partial, 0) * part)
    for row in range(count):
        scales[row] = np.float32(1) / np.sqrt(scales[row] + eps)
