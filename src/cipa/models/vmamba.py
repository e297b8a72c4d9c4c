"""The shared encoder: VMamba v0 without MLPs (arXiv 2401.10166), as CIPA uses it.

From the same weights come the features of CT and of PET: stack both along the batch and call it once.
Letters: B images, C = dim * 2^i channels of stage i on a grid of H/4/2^i x W/4/2^i.
"""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from cipa.models.layers import DropPath, LayerNorm, drop_path_rates
from cipa.models.ss2d import SS2D
from cipa.ops import embed_norm, merge_norm

STATES = 16
PATCH = 4
CHANNELS = 3
"""Of an image, as ImageNet's have them."""


class PatchEmbedding(nn.Module):
    """Cut an image into 4 x 4 patches and embed each: (B, slices, H, W) -> (B, H/4, W/4, dim).

    The published network repeats a grey slice in three channels. Three slices, z - 1, z and z + 1, take the
    same three kernels: no parameter more.

    Args:
        dim: channels of a patch's embedding.
        slices: 1 or 3.

    Attributes:
        dtype: type of the embeddings, where it is not the weights' own or autocast's.
    """

    def __init__(self, dim: int, slices: int = 1) -> None:
        super().__init__()
        self.slices = slices
        self.dtype: torch.dtype | None = None
        self.projection = nn.Conv2d(CHANNELS, dim, PATCH, stride=PATCH)
        self.norm = LayerNorm(dim)

    def forward(self, image: Tensor) -> Tensor:
        """Embed images.

        Of one slice the sum of the three kernels is applied to it: the same function as all three applied to
        its repetitions.

        Args:
            image: (B, slices, H, W), sides multiples of 4.
        """
        kernel, norm = self.projection.weight, self.norm
        if self.slices == 1 and kernel.shape[1] > 1:  # summed already where the network is compiled
            kernel = kernel.sum(1, keepdim=True)
        bias = cast(Tensor, self.projection.bias)
        return embed_norm(image, kernel, bias, norm.weight, norm.bias, norm.eps, self.dtype)


class Block(nn.Module):
    """Residual branch of a stage: SS2D on the normalised map, (B, H, W, C) -> (B, H, W, C).

    The norm is applied by the stage, which adds the branch before it to the stream in the same pass.

    Args:
        width: C.
        drop_path: rate at which samples skip the block while training.
    """

    def __init__(self, width: int, drop_path: float) -> None:
        super().__init__()
        self.norm = LayerNorm(width)
        self.ss2d = SS2D(width, STATES)
        self.drop_path = DropPath(drop_path)

    def forward(self, normed: Tensor) -> Tensor:
        """Return what the block adds to the stream, from the stream normalised, (B, H, W, C)."""
        return self.drop_path(self.ss2d(normed))


class Downsample(nn.Module):
    """Merge 2 x 2 neighbours: (B, H, W, C) -> (B, ceil(H/2), ceil(W/2), 2C).

    Args:
        width: C.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Halve a map (B, H, W, C); odd sides are first zero-padded at the bottom and the right."""
        return self.reduction(merge_norm(x, self.norm.weight, self.norm.bias, self.norm.eps))


class Stage(nn.Module):
    """Blocks on one grid, and the norm that makes their output a feature map.

    Args:
        width: C.
        drop_paths: rate of each block.
        last: whether no smaller grid follows.
    """

    def __init__(self, width: int, drop_paths: Sequence[float], last: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(width, rate) for rate in drop_paths)
        self.output_norm = LayerNorm(width)
        self.downsample = nn.Identity() if last else Downsample(width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Run the stage.

        Args:
            x: (B, H, W, C).

        Returns:
            The feature map (B, H, W, C) and the next stage's input (B, H/2, W/2, 2C).
        """
        norms = [*(cast(Block, block).norm for block in self.blocks), self.output_norm]
        normed = norms[0](x)
        for block, following in zip(self.blocks, norms[1:], strict=True):
            x, normed = following.after(x, block(normed))
        return normed, self.downsample(x)


class VMamba(nn.Module):
    """Four stages of feature maps from a slice, alone or between its neighbours.

    Args:
        dim: channels of the first stage.
        depths: blocks of each stage.
        drop_path: rate of the last block; the first has 0, those between are evenly spaced.
        slices: 1 or 3.
    """

    def __init__(self, dim: int, depths: Sequence[int], drop_path: float = 0.0, slices: int = 1) -> None:
        super().__init__()
        rates = iter(drop_path_rates(drop_path, sum(depths)))
        self.patch_embedding = PatchEmbedding(dim, slices)
        self.stages = nn.ModuleList(
            Stage(dim * 2**i, [next(rates) for _ in range(depth)], last=i == len(depths) - 1)
            for i, depth in enumerate(depths)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute the features of images.

        Args:
            image: (B, slices, H, W) in [-1.6, 1.6], sides multiples of 4.

        Returns:
            One map a stage, (B, H/4/2^i, W/4/2^i, dim * 2^i).
        """
        return list(self.stage_by_stage(image))

    def stage_by_stage(self, image: Tensor) -> Iterator[Tensor]:
        """Yield the maps of `forward`, each before the next stage begins."""
        x = self.patch_embedding(image)
        for stage in self.stages:
            feature, x = stage(x)
            yield feature
