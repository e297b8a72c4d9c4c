"""Channel attention's factors from a map's means and maxima: `channel_factors`."""

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.backend import backend_for, is_fused_on_cpu, require_fit


def channel_factors(x: Tensor, down: Tensor, up: Tensor, bias: Tensor | None = None) -> Tensor:
    """Turn each channel's mean and maximum into its factor (CBAM, arXiv 1807.06521, equation 2, with SiLU).

    Without gradients on a GPU the map is read once for both, and what follows is one kernel.

    Args:
        x: (B, H, W, D).
        down: first layer of the perceptron that mean and maximum share, (R, D).
        up: second layer, (D, R).
        bias: still to be added to the map's channels, (D,): mean and maximum grow by as much.

    Returns:
        sigmoid(up SiLU(down mean) + up SiLU(down maximum)), (B, 1, 1, D).

    Raises:
        ValueError: a shape or device that does not fit, named.
    """
    narrow, channels = len(down), x.shape[-1]
    require_fit(
        "channel_factors",
        x,
        {"down": (down, (narrow, channels)), "up": (up, (channels, narrow)), "bias": (bias, (channels,))},
    )
    if backend_for(x) == "triton" and not torch.is_grad_enabled():
        from cipa.ops.fused.channel_factors_triton import launch_channel_factors

        return launch_channel_factors(x.contiguous(), down, up, bias)
    if is_fused_on_cpu(x):
        from cipa.ops.fused.channel_moments_cpu import launch_channel_moments

        pooled = launch_channel_moments(x)
    else:
        pooled = torch.stack([x.mean((1, 2)), x.amax((1, 2))])
    pooled = pooled if bias is None else pooled + bias.to(pooled.dtype)
    mean, largest = F.linear(F.silu(F.linear(pooled, down)), up)
    return torch.sigmoid(mean + largest)[:, None, None]
