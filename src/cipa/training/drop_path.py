"""Drop path whose draws belong to samples: the same for any number of processes, and after a resumption.

`cipa.models.layers.DropPath` draws from PyTorch's global stream, in the order in which a process meets its
samples. Training replaces it by a twin that reads draws made for (seed, epoch, index of the sample), as
augmentation does.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from cipa.models.layers import DropPath
from cipa.training.seeds import Purpose

COPIES = 2
"""A sample passes the encoder as CT and as PET, stacked along the batch; each has draws of its own."""


class DropPathDraws:
    """Uniform random numbers for the samples of the current micro-batch.

    Attributes:
        layers: how many layers read them.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.layers = 0
        self._uniform = torch.empty(0)

    def draw(self, epoch: int, indices: Iterable[int], device: torch.device) -> None:
        """Draw for the samples of the next forward pass, in place where there are as many as before.

        A captured pass reads the draws from the memory they had at capture.

        Args:
            epoch: from 0.
            indices: (B,) places of the samples in the data set.
            device: of the network.
        """
        streams = (np.random.default_rng((self.seed, Purpose.DROP_PATH, epoch, index)) for index in indices)
        draws = [stream.random((self.layers, COPIES), dtype=np.float32) for stream in streams]
        new = torch.from_numpy(np.stack(draws, axis=-1))
        # Kinds are compared, not devices: "cuda" is not equal to the "cuda:0" it means.
        if self._uniform.shape != new.shape or self._uniform.device.type != device.type:
            self._uniform = torch.empty_like(new, device=device)
        self._uniform.copy_(new)

    def of(self, layer: int, rows: int) -> Tensor:
        """Return numbers in [0, 1) for a layer's batch, (rows,): B of them, or 2 B for CT and PET stacked."""
        return self._uniform[layer].flatten()[:rows]


class SampledDropPath(nn.Module):
    """Drop the residual branch of whole samples by `DropPathDraws`; none in evaluation mode."""

    def __init__(self, rate: float, draws: DropPathDraws) -> None:
        super().__init__()
        self.rate = rate
        self.draws = draws
        self.layer = draws.layers
        draws.layers += 1

    def forward(self, x: Tensor) -> Tensor:
        """Drop the branch of the samples drawn for it; the others are scaled to keep the mean.

        Args:
            x: (B, ...) or (2 B, ...).
        """
        if not self.training or self.rate == 0:
            return x
        kept = (self.draws.of(self.layer, len(x)) >= self.rate).to(x.dtype) / (1 - self.rate)
        return x * kept.view(-1, *[1] * (x.ndim - 1))


def sample_drop_paths(model: nn.Module, seed: int) -> DropPathDraws:
    """Replace every DropPath of `model`, in place, by one that draws for samples.

    Args:
        model: unwrapped network.
        seed: of the run.

    Returns:
        What is to draw before each forward pass in training mode.
    """
    draws = DropPathDraws(seed)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is DropPath:
                setattr(parent, name, SampledDropPath(child.rate, draws).train(child.training))
    return draws
