"""Depthwise 3x3 convolution and SiLU of a channel-last map: `depthwise_silu`."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.backend import backend_for, is_fused_on_cpu, require_fit


def depthwise_silu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve each channel with its own 3x3 kernel, zero padded, then SiLU.

    Args:
        x: (B, H, W, D).
        weight: (D, 1, 3, 3).
        bias: (D,).

    Returns:
        (B, H, W, D), in x's type.

    Raises:
        ValueError: a shape or device that does not fit, named.
    """
    channels = x.shape[-1]
    require_fit("depthwise_silu", x, {"weight": (weight, (channels, 1, 3, 3)), "bias": (bias, (channels,))})
    if backend_for(x) == "triton":
        if torch.is_grad_enabled():
            return _DepthwiseSiLU.apply(x, weight, bias)
        from cipa.ops.fused.depthwise_silu_triton import launch_depthwise

        return launch_depthwise(x, weight, bias)
    if is_fused_on_cpu(x):
        from cipa.ops.fused.depthwise_silu_cpu import launch_depthwise as launch_on_cpu

        return launch_on_cpu(x, weight, bias)
    first = x.permute(0, 3, 1, 2)
    return F.silu(F.conv2d(first, weight, bias, padding=1, groups=x.shape[-1])).permute(0, 2, 3, 1)


class _DepthwiseSiLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Convolve and apply SiLU; only the input is kept."""
        from cipa.ops.fused.depthwise_silu_triton import launch_depthwise

        ctx.save_for_backward(x, weight, bias)
        return launch_depthwise(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> Any:
        """Return the gradients of x, weight and bias."""
        from cipa.ops.fused.depthwise_silu_triton import launch_depthwise_backward

        x, weight, bias = ctx.saved_tensors
        dx, dweight, dbias = launch_depthwise_backward(dout, x, weight, bias)
        return dx, dweight.to(weight.dtype), dbias.to(bias.dtype)
