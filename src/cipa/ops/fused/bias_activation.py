"""Bias of a convolution and the activation after it in one pass: `bias_gelu`, `bias_relu`."""

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.backend import backend_for, require_fit


def bias_gelu(x: Tensor, bias: Tensor) -> Tensor:
    """Return GELU(x + bias), exact by the error function, in x's type.

    Args:
        x: (..., D).
        bias: (D,).

    Raises:
        ValueError: a shape or device that does not fit, named.
    """
    return _activate(x, bias, "gelu")


def bias_relu(x: Tensor, bias: Tensor) -> Tensor:
    """Return max(x + bias, 0), in x's type.

    Args:
        x: (..., D).
        bias: (D,).

    Raises:
        ValueError: a shape or device that does not fit, named.
    """
    return _activate(x, bias, "relu")


def _activate(x: Tensor, bias: Tensor, activation: str) -> Tensor:
    require_fit(f"bias_{activation}", x, {"bias": (bias, (x.shape[-1],))})
    if backend_for(x) == "triton" and not torch.is_grad_enabled():
        from cipa.ops.fused.bias_activation_triton import launch_bias_activation

        return launch_bias_activation(x, bias, activation)
    total = x + bias.to(x.dtype)
    return F.gelu(total) if activation == "gelu" else F.relu(total)
