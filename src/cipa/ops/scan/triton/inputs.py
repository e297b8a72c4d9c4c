"""What the scan's kernels read, made from what the ops are given.

Letters: B images, H x W grid, L = H W, D channels, K directions, R rank of the step, N states.
"""

from typing import NamedTuple

import torch
import triton
from torch import Tensor

from cipa.ops.scan.parameters import ScanInput
from cipa.ops.scan.triton.dt_projection import dt_projection_forward
from cipa.ops.scan.triton.plan import require_indexable


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
    rows, block = 64, min(64, triton.next_power_of_2(channels))
    dt_projection_forward[(triton.cdiv(batch * length, rows), count, triton.cdiv(channels, block))](
        projection, steps, dt_weight.contiguous(), dt_bias.contiguous(), delta, values, batch * length,
        channels, K=count, N=states, R=rank, RANK=max(16, triton.next_power_of_2(rank)),
        PAIR=triton.next_power_of_2(2 * states), ROWS=rows, BD=block,
    )  # fmt: skip
    return Prepared(x_flat, delta, values, A_logs.contiguous(), Ds.contiguous())
