"""LayerNorm over channels with the residual sum before it: `add_norm`."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.kernels import form_for, require_fit

EPS = 1e-5


def add_norm(
    x: Tensor, branch: Tensor | None, skip: Tensor | None, weight: Tensor, bias: Tensor, eps: float = EPS
) -> tuple[Tensor, Tensor]:
    """Add a branch to the residual stream and normalise the sum over channels, in one read of each.

    Args:
        x: the stream, (..., D).
        branch: what is added, (..., D); None adds nothing and returns the stream itself.
        skip: factor of the stream's channels, (D,); None is 1. Only beside a branch.
        weight: LayerNorm's, (D,).
        bias: LayerNorm's, (D,).
        eps: added to the variance.

    Returns:
        x skip + branch in x's type, and its LayerNorm, in the type autocast computes in where that is on (as
        a matrix product would have it), else in x's.
    """
    width = (x.shape[-1],)
    require_fit(
        "add_norm",
        x,
        {
            "branch": (branch, tuple(x.shape)),
            "skip": (skip, width),
            "weight": (weight, width),
            "bias": (bias, width),
        },
    )
    if form_for(x) == "triton":
        if torch.is_grad_enabled():
            return _AddNorm.apply(x, branch, skip, weight, bias, eps)
        from cipa.ops.triton.norm import launch_add_norm

        return launch_add_norm(x, branch, skip, weight, bias, eps, compute_dtype(x))
    total = x if skip is None else x * skip
    total = total if branch is None else total + branch
    return total, F.layer_norm(total, weight.shape, weight, bias, eps)


def compute_dtype(x: Tensor) -> torch.dtype:
    """Return the type autocast computes in on x's device, or x's own where autocast is off."""
    if torch.is_autocast_enabled(x.device.type):
        return torch.get_autocast_dtype(x.device.type)
    return x.dtype


class _AddNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, branch: Any, skip: Any, weight: Tensor, bias: Tensor, eps: float) -> Any:
        from cipa.ops.triton.norm import launch_add_norm

        total, out = launch_add_norm(x, branch, skip, weight, bias, eps, compute_dtype(x))
        ctx.save_for_backward(total, x if skip is not None else None, skip, weight)
        ctx.eps = eps
        ctx.types = (x.dtype, None if branch is None else branch.dtype, weight.dtype, bias.dtype)
        ctx.set_materialize_grads(False)
        return (total.view_as(total) if branch is None else total), out

    @staticmethod
    def backward(ctx: Any, dtotal: Tensor | None, dout: Tensor | None) -> Any:
        from cipa.ops.triton.norm import launch_add_norm_backward

        total, x, skip, weight = ctx.saved_tensors
        if dout is None:
            dout = torch.zeros_like(total)
        dx, dsum, dskip, dweight, dbias = launch_add_norm_backward(
            dtotal, dout, total, x, skip, weight, ctx.eps
        )
        x_type, branch_type, weight_type, bias_type = ctx.types
        return (
            dx.to(x_type),
            None if branch_type is None else dsum.to(branch_type),
            None if dskip is None else dskip.to(skip.dtype),
            dweight.to(weight_type),
            dbias.to(bias_type),
            None,
        )
