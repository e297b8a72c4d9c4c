"""Bilinear doubling of channel-last maps: `upsample2`, and `upsample2_norm_project` that ends the decoder."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.backend import backend_for, is_fused_on_cpu, require_fit
from cipa.ops.fused.add_norm import EPS


def upsample2(x: Tensor) -> Tensor:
    """Double a map's sides bilinearly, corners not aligned: (B, H, W, C) -> (B, 2H, 2W, C).

    Args:
        x: (B, H, W, C).
    """
    if backend_for(x) == "triton":
        if torch.is_grad_enabled():
            return _Upsample.apply(x)
        from cipa.ops.fused.upsample_triton import launch_double

        return launch_double(x)
    first = F.interpolate(x.permute(0, 3, 1, 2), scale_factor=2, mode="bilinear", align_corners=False)
    return first.permute(0, 2, 3, 1)


def upsample2_norm_project(
    x: Tensor, weight: Tensor, bias: Tensor, projection: Tensor, eps: float = EPS
) -> Tensor:
    """Double a map, normalise each pixel over channels and project it to class logits.

    Args:
        x: (B, H, W, C).
        weight: LayerNorm's, (C,).
        bias: LayerNorm's, (C,).
        projection: (classes, C).
        eps: added to the variance.

    Returns:
        Logits, (B, 2H, 2W, classes), float32 from the GPU kernel, else in the type of the projection's
        product.

    Raises:
        ValueError: a shape or device that does not fit, named.
    """
    width = x.shape[-1]
    require_fit(
        "upsample2_norm_project",
        x,
        {
            "weight": (weight, (width,)),
            "bias": (bias, (width,)),
            "projection": (projection, (len(projection), width)),
        },
    )
    if backend_for(x) == "triton":
        if torch.is_grad_enabled():
            return _UpsampleNormProject.apply(x, weight, bias, projection, eps)
        from cipa.ops.fused.upsample_logits_triton import launch_double_norm_project

        return launch_double_norm_project(x, weight, bias, projection, eps)
    if len(projection) == 1 and is_fused_on_cpu(x):
        from cipa.ops.fused.upsample_logits_cpu import launch_double_norm_project as launch_on_cpu

        return launch_on_cpu(x, weight, bias, projection, eps)
    return F.linear(F.layer_norm(upsample2(x), weight.shape, weight, bias, eps), projection)


class _Upsample(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Double the map (B, H, W, D); its gradient needs no kept value."""
        from cipa.ops.fused.upsample_triton import launch_double

        return launch_double(x)

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> Any:
        """Return the gradient of x from that of the doubled map."""
        from cipa.ops.fused.upsample_triton import launch_double_backward

        return launch_double_backward(dout)


class _UpsampleNormProject(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, projection: Tensor, eps: float) -> Tensor:
        """Return the logits of the doubled, normalised map; only the map before doubling is kept."""
        from cipa.ops.fused.upsample_logits_triton import launch_double_norm_project

        x = x.contiguous()
        ctx.save_for_backward(x, weight, bias, projection)
        ctx.eps = eps
        return launch_double_norm_project(x, weight, bias, projection, eps)

    @staticmethod
    def backward(ctx: Any, dlogits: Tensor) -> Any:
        """Return the gradients of x, weight, bias and projection."""
        from cipa.ops.fused.upsample_triton import launch_double_norm_project_backward

        x, weight, bias, projection = ctx.saved_tensors
        dx, dweight, dbias, dprojection = launch_double_norm_project_backward(
            dlogits, x, weight, bias, projection, ctx.eps
        )
        return dx, dweight.to(weight.dtype), dbias.to(bias.dtype), dprojection.to(projection.dtype), None
