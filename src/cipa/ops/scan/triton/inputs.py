"""What the scan's kernels read, made from what the ops are given.

Letters: B images, H x W grid, L = H W, D channels, K directions, R rank of the step, N states.
"""

from typing import NamedTuple

import torch
import triton
from torch import Tensor

from cipa.ops.gpu import multiprocessors
from cipa.ops.scan.parameters import ScanInput
from cipa.ops.scan.triton.dt_projection import dt_projection_forward
from cipa.ops.scan.triton.plan import require_indexable

ROWS, TILES = 64, 4
"""Rows of a tile of the dt projection, and tiles that one program makes with the weight it has read.

Measured on an H200: in half precision 128 channels a program are 8 to 13 % faster, several tiles 8 % slower
with 64; in float32 several tiles of 64 are up to 17 % faster.
"""
MANY = 32
"""Programs a multiprocessor from which on they take several tiles each."""


class Prepared(NamedTuple):
    """What the kernels read, contiguous.

    Attributes:
        x: (B, L, D).
        delta: softplus of the step, (B, L, K, D), in x's type.
        values: B and C, (B, L, K, 2 N), float32.
        A_logs: (K, D, N).
        skip: (K, D).
    """

    x: Tensor
    delta: Tensor
    values: Tensor
    A_logs: Tensor
    skip: Tensor


def prepare(scan: ScanInput) -> Prepared:
    """Run the dt projection and lay out the rest."""
    x, projection, parameters, dt = scan
    dt_weight, dt_bias, A_logs, Ds = parameters.tensors
    batch, height, width, channels = x.shape
    length = height * width
    count, _, states = A_logs.shape
    rank = dt_weight.shape[-1]
    require_indexable(length, channels, count, states)
    x_flat = x.reshape(batch, length, channels).contiguous()
    projection = projection.contiguous()
    steps = projection if dt is None else dt.contiguous()
    delta = x.new_empty(batch, length, count, channels)
    values = x.new_empty(batch, length, count, 2 * states, dtype=torch.float32)
    half = x.element_size() == 2
    block = min(128 if half and channels % 128 == 0 else 64, triton.next_power_of_2(channels))
    blocks = count * triton.cdiv(channels, block)
    many = triton.cdiv(batch * length, ROWS) * blocks >= TILES * MANY * multiprocessors(x.device)
    tiles = TILES if many and (block > 64 or not half) else 1
    grid = (triton.cdiv(batch * length, ROWS * tiles), count, blocks // count)
    dt_projection_forward[grid](
        projection, steps, dt_weight.contiguous(), dt_bias.contiguous(), delta, values, batch * length,
        channels, K=count, N=states, R=rank, RANK=max(16, triton.next_power_of_2(rank)),
        PAIR=triton.next_power_of_2(2 * states), ROWS=ROWS, BD=block,
        TILES=tiles,
    )  # fmt: skip
    return Prepared(x_flat, delta, values, A_logs.contiguous(), Ds.contiguous())
