"""Tokens of whole maps, one a channel: `map_tokens`, and `amplify`, by which they weigh the channels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.backend import backend_for, require_fit
from cipa.ops.fused.add_norm import EPS, compute_dtype


def map_tokens(
    first: Tensor,
    second: Tensor,
    norm_weight: Tensor | None,
    norm_bias: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    eps: float = EPS,
) -> Tensor:
    """Normalise every channel over its pixels, project it and pass it through a GELU.

    Without gradients on a GPU both maps are read once, as they lie: with mean m and deviation s of a channel
    x, W LayerNorm(x) is (W x - m W 1) / s, so that moments and product come of the same read.

    Args:
        first: (B, H, W, C).
        second: (B, H, W, C).
        norm_weight: LayerNorm's over L = H W pixels, (L,); None is 1.
        norm_bias: LayerNorm's, (L,); None is 0.
        weight: (width, L).
        bias: (width,).
        eps: added to the variance.

    Returns:
        (B, 2C, width), the first map's channels before the second's.

    Raises:
        ValueError: a shape or device that does not fit, named.
    """
    pixels, width = first.shape[1] * first.shape[2], len(weight)
    require_fit(
        "map_tokens",
        first,
        {
            "second": (second, tuple(first.shape)),
            "norm_weight": (norm_weight, (pixels,)),
            "norm_bias": (norm_bias, (pixels,)),
            "weight": (weight, (width, pixels)),
            "bias": (bias, (width,)),
        },
    )
    if backend_for(first) == "triton" and not torch.is_grad_enabled():
        from cipa.ops.fused.map_tokens_triton import launch_map_tokens

        return launch_map_tokens(
            first, second, norm_weight, norm_bias, weight, bias, eps, compute_dtype(first)
        )
    channels = torch.cat([first, second], dim=-1).flatten(1, 2).transpose(1, 2)
    return F.gelu(F.linear(F.layer_norm(channels, (pixels,), norm_weight, norm_bias, eps), weight, bias))


def amplify(first: Tensor, second: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Amplify the channels of two maps by factors between 1 and 2.

    Args:
        first: (B, H, W, C).
        second: (B, H, W, C).
        logits: of the first's channels, then of the second's, (B, 2C).

    Returns:
        Each map times 1 + sigmoid(its logits).

    Raises:
        ValueError: a shape or device that does not fit, named.
    """
    batch, channels = first.shape[0], first.shape[-1]
    require_fit(
        "amplify",
        first,
        {"second": (second, tuple(first.shape)), "logits": (logits, (batch, 2 * channels))},
    )
    if backend_for(first) == "triton" and not torch.is_grad_enabled():
        from cipa.ops.fused.map_tokens_triton import launch_amplify

        return launch_amplify(first, second, logits)
    first_factor, second_factor = (1 + torch.sigmoid(logits))[:, None, None].chunk(2, dim=-1)
    return first * first_factor, second * second_factor
