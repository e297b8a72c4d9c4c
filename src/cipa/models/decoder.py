"""The Mamba decoder: from four fused maps back to logits at full size.

As in CIPA (CVPR 2025), which took it from Sigma (arXiv 2404.04256): VMamba blocks of 4 states followed by the
channel-attention convolutions of MambaIR (arXiv 2402.15648). Letters: B batch, w width of a stage.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from cipa.models.layers import Conv2d, DropPath, LayerNorm, drop_path_rates
from cipa.models.ss2d import SS2D
from cipa.ops import (
    ScaledBranch,
    add_branch,
    bias_gelu,
    channel_factors,
    upsample2,
    upsample2_norm_project,
)

STATES = 4
BLOCKS = 4
LARGEST_DROP_PATH = 0.1


class ChannelAttention(nn.Module):
    """Weigh channels by what their mean and their maximum say: (B, H, W, w) -> (B, 1, 1, w), each in (0, 1).

    Args:
        width: w.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = max(width // 30, 1)
        self.down = Conv2d(width, narrow, 1, bias=False)
        self.up = Conv2d(narrow, width, 1, bias=False)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Return the factors of the map x + bias.

        Args:
            x: (B, H, W, w).
            bias: (w,).
        """
        return channel_factors(x, self.down.weight.flatten(1), self.up.weight.flatten(1), bias)


class DecoderBlock(nn.Module):
    """SS2D, then a convolutional channel attention, each with a scaled skip: (B, H, W, w) -> (B, H, W, w).

    The stage applies the first norm and adds the last branch, in the pass of the norm that follows.

    Args:
        width: w.
        drop_path: rate at which samples skip the SS2D while training.
    """

    def __init__(self, width: int, drop_path: float) -> None:
        super().__init__()
        narrow = max(width // 3, 1)
        self.norm1 = LayerNorm(width)
        self.ss2d = SS2D(width, STATES)
        self.drop_path = DropPath(drop_path)
        self.skip1 = nn.Parameter(torch.ones(width))
        self.norm2 = LayerNorm(width)
        self.convs = nn.Sequential(
            Conv2d(width, narrow, 3, padding=1), nn.GELU(), Conv2d(narrow, width, 3, padding=1)
        )
        self.attention = ChannelAttention(width)
        self.skip2 = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor, normed: Tensor) -> tuple[Tensor, ScaledBranch]:
        """Mix a map.

        Args:
            x: the stream, (B, H, W, w).
            normed: the stream normalised.

        Returns:
            The stream, and the branch to be added to it times `skip2`.
        """
        x, normed = self.norm2.after(x, self.drop_path(self.ss2d(normed)), self.skip1)
        first, second = cast(Conv2d, self.convs[0]), cast(Conv2d, self.convs[2])
        bias = cast(Tensor, second.bias)
        branch = second.without_bias(bias_gelu(first.without_bias(normed), cast(Tensor, first.bias)))
        return x, ScaledBranch(branch, bias, self.attention(branch, bias))


class DecoderStage(nn.ModuleList):
    """The blocks of one grid: two maps (B, H, W, w) -> (B, H, W, w).

    Args:
        width: w.
        drop_paths: rate of each block.
    """

    def __init__(self, width: int, drop_paths: Sequence[float]) -> None:
        super().__init__(DecoderBlock(width, rate) for rate in drop_paths)

    def forward(self, x: Tensor, skip: Tensor, norm: LayerNorm | None = None) -> Tensor:
        """Run the blocks on the sum of two maps.

        Args:
            x: from the coarser stage, (B, H, W, w).
            skip: fused map of this grid, (B, H, W, w).
            norm: of what comes out, applied in the pass that adds the last branch.
        """
        first, *others = blocks = [cast(DecoderBlock, block) for block in self]
        x, normed = first.norm1.after(x.to(first.skip1.dtype), skip)  # under autocast x may be narrow
        for block, following in zip(blocks, others, strict=False):
            x, branch = block(x, normed)
            x, normed = following.norm1.after(x, branch, block.skip2)
        x, branch = blocks[-1](x, normed)
        if norm is None:
            return add_branch(x, branch, blocks[-1].skip2)
        return norm.after(x, branch, blocks[-1].skip2)[1]


class Expand(nn.Module):
    """Double a map's sides by a learned pixel shuffle: (B, H, W, C) -> (B, 2H, 2W, C/2).

    Args:
        width: C.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 2 * width, bias=False)
        self.norm = LayerNorm(width // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Double a map (B, H, W, C); the new channels are ordered row, column, channel."""
        batch, height, width = x.shape[:3]
        pixels = self.linear(x).reshape(batch, height, width, 2, 2, -1)
        return self.norm(pixels.transpose(2, 3).reshape(batch, 2 * height, 2 * width, -1))


class Upsample(nn.Module):
    """Halve the channels, double the sides bilinearly: (B, H, W, w) -> (B, 2H, 2W, w/2).

    Args:
        width: w.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width // 2, bias=False)
        self.norm = LayerNorm(width // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Double a map (B, H, W, w)."""
        return self.norm(upsample2(self.linear(x)))


class FinalUpsample(nn.Module):
    """From patches to pixels: (B, H, W, w) -> (B, 4H, 4W, classes).

    Args:
        width: w.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, width, bias=False)
        self.linear2 = nn.Linear(width, width, bias=False)
        self.norm = LayerNorm(width)

    def forward(self, x: Tensor, projection: Tensor) -> Tensor:
        """Quadruple a map and project its pixels.

        Args:
            x: (B, H, W, w).
            projection: (classes, w).
        """
        x = self.linear2(upsample2(self.linear1(x)))
        return upsample2_norm_project(x, self.norm.weight, self.norm.bias, projection, self.norm.eps)


class Decoder(nn.Module):
    """Fused maps of four stages -> logits.

    Args:
        dim: channels of the finest stage; stage i has dim * 2^i.
        num_classes: channels of the logits.
    """

    def __init__(self, dim: int, num_classes: int) -> None:
        super().__init__()
        rates = drop_path_rates(LARGEST_DROP_PATH, 4 * BLOCKS)  # the coarsest four belong to no block
        self.expand = Expand(8 * dim)
        self.stages = nn.ModuleList(
            DecoderStage(dim * 2**i, rates[BLOCKS * i : BLOCKS * (i + 1)]) for i in (2, 1, 0)
        )
        self.upsamples = nn.ModuleList([Upsample(4 * dim), Upsample(2 * dim)])
        self.norm = LayerNorm(dim)
        self.final_upsample = FinalUpsample(dim)
        self.output = Conv2d(dim, num_classes, 1, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, fused: Sequence[Tensor]) -> Tensor:
        """Decode.

        Args:
            fused: map i is (B, H/2^i, W/2^i, dim * 2^i).

        Returns:
            Logits, channel last, (B, 4H, 4W, num_classes).
        """
        x = self.expand(fused[3])
        for blocks, upsample, skip in zip(self.stages, self.upsamples, fused[2:0:-1], strict=False):
            x = upsample(blocks(x, skip))
        x = self.stages[-1](x, fused[0], self.norm)
        return self.final_upsample(x, self.output.weight.flatten(1))
