"""SS2D's scan by its definition: a loop over positions, in any floating type, differentiable.

This is the form every kernel is tested against. It is slow on purpose: nothing in it is clever.

Letters: B batch, H x W grid, L = H W positions, D inner width, K directions, R rank of the step projection,
N states a channel.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.scan.selective_scan_reference import selective_scan_reference


def ss2d_reference(
    x: Tensor,
    projection: Tensor,
    dt_weight: Tensor,
    dt_bias: Tensor,
    A_logs: Tensor,
    Ds: Tensor,
    directions: Sequence[int] = (0, 1, 2, 3),
) -> Tensor:
    """Scan a channel-last map along each direction and sum the results (VMamba, arXiv 2401.10166, SS2D).

    Args:
        x: map, (B, H, W, D).
        projection: for each pixel and direction the values [dt_low R, B N, C N], (B, H, W, K, R + 2N).
        dt_weight: projects dt_low to the step of each channel, (K, D, R).
        dt_bias: added before the softplus, (K, D).
        A_logs: log of -A, (K, D, N).
        Ds: skip weight, (K, D).
        directions: K codes, see `scan_order`.

    Returns:
        The sum over directions, each put back in place, (B, H, W, D), in x's type.
    """
    batch, height, width, channels = x.shape
    rank, states = dt_weight.shape[-1], A_logs.shape[-1]
    wide = torch.promote_types(x.dtype, torch.float32)
    x_flat = x.reshape(batch, height * width, channels).to(wide)
    projection_flat = projection.reshape(batch, height * width, len(directions), -1).to(wide)
    total = torch.zeros_like(x_flat)
    for k, direction in enumerate(directions):
        order = scan_order(direction, height, width, x.device)
        low, b, c = projection_flat[:, order, k].split([rank, states, states], dim=-1)
        dt = F.linear(low, dt_weight[k].to(wide))
        y = selective_scan_reference(x_flat[:, order], dt, A_logs[k], b, c, Ds[k], dt_bias[k])
        total = total.index_add(1, order, y)
    return total.reshape(x.shape).to(x.dtype)


def scan_order(direction: int, height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
    """Return the raster index visited at each step.

    Args:
        direction: 0 row by row, 1 column by column, 2 and 3 the reverse of 0 and 1.
        height: rows of the map.
        width: columns of the map.
        device: where the result lives.

    Returns:
        A permutation of 0..height*width-1, int64.

    Raises:
        ValueError: the direction is not 0, 1, 2 or 3.
    """
    raster = torch.arange(height * width, device=device)
    if direction not in (0, 1, 2, 3):
        raise ValueError(f"scan direction {direction}: must be 0, 1, 2 or 3")
    order = raster.view(height, width).t().reshape(-1) if direction % 2 else raster
    return order.flip(0) if direction >= 2 else order
