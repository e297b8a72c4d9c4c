"""LayerNorm over channels with the residual sum before it: `add_norm`, and the sum alone: `add_branch`."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.backend import backend_for, is_fused_on_cpu, require_fit
from cipa.ops.fused.scaled_branch import ScaledBranch

EPS = 1e-5


def add_norm(
    x: Tensor,
    branch: Tensor | ScaledBranch | None,
    skip: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    eps: float = EPS,
) -> tuple[Tensor, Tensor]:
    """Add a branch to the residual stream and normalise the sum over channels, in one read of each.

    Args:
        x: the stream, (..., D).
        branch: what is added, (..., D), or how to make it; None adds nothing and returns the stream itself.
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
        _parts(x, branch) | {"skip": (skip, width), "weight": (weight, width), "bias": (bias, width)},
    )
    if backend_for(x) == "triton" and not torch.is_grad_enabled():
        from cipa.ops.fused.add_norm_triton import launch_add_norm

        return launch_add_norm(x, branch, skip, weight, bias, eps, compute_dtype(x))
    if is_fused_on_cpu(x) and weight.dtype == torch.float32:
        from cipa.ops.fused.add_norm_cpu import launch_add_norm as launch_on_cpu

        return launch_on_cpu(x, branch, skip, weight, bias, eps)
    branch = branch.work_out() if isinstance(branch, ScaledBranch) else branch
    if backend_for(x) == "triton":
        return _AddNorm.apply(x, branch, skip, weight, bias, eps)
    total = x if skip is None else x * skip
    total = total if branch is None else total + branch
    return total, F.layer_norm(total, weight.shape, weight, bias, eps)


def add_branch(x: Tensor, branch: ScaledBranch, skip: Tensor) -> Tensor:
    """Add a branch to the residual stream where no norm follows.

    Args:
        x: the stream, (B, H, W, D).
        branch: what is added.
        skip: factor of the stream's channels, (D,).

    Returns:
        x skip + branch, (B, H, W, D).
    """
    require_fit("add_branch", x, _parts(x, branch) | {"skip": (skip, (x.shape[-1],))})
    if backend_for(x) == "triton" and not torch.is_grad_enabled():
        from cipa.ops.fused.add_norm_triton import launch_add_branch

        return launch_add_branch(x, branch, skip)
    return torch.addcmul(branch.work_out(), x, skip)


def _parts(
    x: Tensor, branch: Tensor | ScaledBranch | None
) -> dict[str, tuple[Tensor | None, tuple[int, ...]]]:
    """Return a branch's tensors by name, each with the shape it must have."""
    if not isinstance(branch, ScaledBranch):
        return {"branch": (branch, tuple(x.shape))}
    channels = x.shape[-1]
    return {
        "branch": (branch.value, tuple(x.shape)),
        "branch's bias": (branch.bias, (channels,)),
        "branch's factors": (branch.factors, (x.shape[0], 1, 1, channels)),
    }


def compute_dtype(x: Tensor) -> torch.dtype:
    """Return the type autocast computes in on x's device, or x's own where autocast is off."""
    if torch.is_autocast_enabled(x.device.type):
        return torch.get_autocast_dtype(x.device.type)
    return x.dtype


class _AddNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, branch: Any, skip: Any, weight: Tensor, bias: Tensor, eps: float) -> Any:
        """Return the sum and its LayerNorm; of these only the sum is kept."""
        from cipa.ops.fused.add_norm_triton import launch_add_norm

        total, out = launch_add_norm(x, branch, skip, weight, bias, eps, compute_dtype(x))
        ctx.save_for_backward(total, x if skip is not None else None, skip, weight)
        ctx.eps = eps
        ctx.types = (x.dtype, None if branch is None else branch.dtype, weight.dtype, bias.dtype)
        ctx.set_materialize_grads(False)
        return (total.view_as(total) if branch is None else total), out

    @staticmethod
    def backward(ctx: Any, dtotal: Tensor | None, dout: Tensor | None) -> Any:
        """Return the gradients of x, branch, skip, weight and bias."""
        from cipa.ops.fused.add_norm_triton import launch_add_norm_backward

        total, x, skip, weight = ctx.saved_tensors
        if dout is None:
            dout = torch.zeros_like(total)
        x_type, branch_type, weight_type, bias_type = ctx.types
        dx, dsum, dskip, dweight, dbias = launch_add_norm_backward(
            dtotal, dout, total, x, skip, weight, ctx.eps, branch_type or total.dtype
        )
        return (
            dx.to(x_type),
            None if branch_type is None else dsum,
            None if dskip is None else dskip.to(skip.dtype),
            dweight.to(weight_type),
            dbias.to(bias_type),
            None,
        )
