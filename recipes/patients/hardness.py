"""Which slices a network still gets wrong: they are drawn more often, and their neighbours with them."""

import torch
from torch import Tensor

from recipes.patients.volumes import Volumes

SPARE_PIXELS = 20
"""Wrong pixels that count in full on a slice without tumour: 0.8 cm^2 at 2 mm."""

NEAR = 2
"""Slices up and down that are taken to be as hard: an organ spans several, and most are drawn but once."""


def wrong_share(logits: Tensor, mask: Tensor) -> Tensor:
    """Return how wrong each image is, (B,) in [0, 1]: wrong pixels as a share of the tumour's."""
    wrong = ((logits > 0) != (mask > 0.5)).flatten(1).sum(1)
    return (wrong / (mask.flatten(1).sum(1) + SPARE_PIXELS)).clamp(max=1)


class Hardness:
    """How wrong each slice of some volumes was when it was last drawn, (N,) in [0, 1]."""

    def __init__(self, volumes: Volumes) -> None:
        self._volumes = volumes
        self.value = torch.full_like(volumes.shows, 0.5, dtype=torch.float32)

    def follow(self, index: Tensor, wrong: Tensor) -> None:
        """Move slices and their neighbours half-way to what was seen."""
        first, last = self._volumes.first[index], self._volumes.last[index]
        for offset in range(-NEAR, NEAR + 1):
            near = torch.minimum(torch.maximum(index + offset, first), last)
            self.value[near] = 0.5 * (self.value[near] + wrong)
