"""Merging of 2 x 2 pixels into one, normalised: `merge_norm`."""

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.backend import backend_for, require_fit
from cipa.ops.fused.add_norm import EPS, add_norm, compute_dtype


def merge_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    """Put the channels of 2 x 2 neighbours in one pixel and normalise them.

    Args:
        x: (B, H, W, C); odd sides are zero-padded at the bottom and the right.
        weight: LayerNorm's, (4C,).
        bias: LayerNorm's, (4C,).
        eps: added to the variance.

    Returns:
        (B, ceil(H / 2), ceil(W / 2), 4C), neighbours column by column, in the type autocast computes in where
        it is on, else in x's.

    Raises:
        ValueError: a shape or device that does not fit, named.
    """
    size = (4 * x.shape[-1],)
    require_fit("merge_norm", x, {"weight": (weight, size), "bias": (bias, size)})
    if backend_for(x) == "triton" and not torch.is_grad_enabled():
        from cipa.ops.fused.merge_norm_triton import launch_merge_norm

        return launch_merge_norm(x, weight, bias, eps, compute_dtype(x))
    height, width = x.shape[1:3]
    if height % 2 or width % 2:
        x = F.pad(x, (0, 0, 0, width % 2, 0, height % 2))
    corners = [x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
    return add_norm(torch.cat(corners, dim=-1), None, None, weight, bias, eps)[1]
