"""Small layers shared by encoder, fusion and decoder, all for channel-last maps (B, H, W, C).

A convolution reads such a map through a view with channels first, which is PyTorch's `channels_last` memory
format: nothing is copied on the way in or out.
"""

import torch
from torch import Tensor, nn

from cipa.ops import ScaledBranch, add_norm


def channels_first(x: Tensor) -> Tensor:
    """View (B, H, W, C) as (B, C, H, W)."""
    return x.permute(0, 3, 1, 2)


def channels_last(x: Tensor) -> Tensor:
    """View (B, C, H, W) as (B, H, W, C)."""
    return x.permute(0, 2, 3, 1)


class Conv2d(nn.Conv2d):
    """PyTorch's convolution on channel-last maps: (B, H, W, C_in) -> (B, H', W', C_out)."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve a map.

        Args:
            x: (B, H, W, C_in).
        """
        return channels_last(super().forward(channels_first(x)))

    def without_bias(self, x: Tensor) -> Tensor:
        """Convolve a map and leave the bias to the pass that comes next.

        Args:
            x: (B, H, W, C_in).
        """
        return channels_last(self._conv_forward(channels_first(x), self.weight, None))


class LayerNorm(nn.LayerNorm):
    """LayerNorm over the channels of a channel-last map, by `cipa.ops.fused.add_norm`."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (..., D)."""
        return add_norm(x, None, None, self.weight, self.bias, self.eps)[1]

    def after(
        self, x: Tensor, branch: Tensor | ScaledBranch, skip: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Add a residual branch first.

        Args:
            x: the stream, (..., D).
            branch: (..., D), or how to make it.
            skip: factor of the stream's channels, (D,).

        Returns:
            The new stream, x skip + branch, and it normalised.
        """
        return add_norm(x, branch, skip, self.weight, self.bias, self.eps)


class DropPath(nn.Module):
    """Drop the residual branch of whole samples while training (stochastic depth, arXiv 1603.09382).

    Args:
        rate: probability of dropping a sample's branch, at least 0 and below 1; the kept are scaled up
            by 1 / (1 - rate).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Drop the branch of some samples.

        Args:
            x: (B, ...).
        """
        if not self.training or self.rate == 0:
            return x
        kept = x.new_empty(x.shape[0], *[1] * (x.ndim - 1)).bernoulli_(1 - self.rate)
        return x * (kept / (1 - self.rate))

    def extra_repr(self) -> str:
        """Return what `print(model)` shows of this layer."""
        return f"rate={self.rate:.3g}"


def drop_path_rates(largest: float, count: int) -> list[float]:
    """Return `count` rates from 0 to `largest`, evenly spaced."""
    return torch.linspace(0, largest, count, device="cpu").tolist()


def initialise_linear_layers(model: nn.Module) -> None:
    """Draw Linear weights from a truncated normal of std 0.02 and zero the biases, as VMamba does."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
