"""A residual branch whose last sum and product are left to the pass that adds it."""

from typing import NamedTuple

import torch
from torch import Tensor


class ScaledBranch(NamedTuple):
    """A branch not yet evaluated, (value + bias) factors: the pass that adds it to the stream does so.

    Attributes:
        value: (B, H, W, D).
        bias: (D,).
        factors: of each image's channels, (B, 1, 1, D).
    """

    value: Tensor
    bias: Tensor
    factors: Tensor

    def work_out(self) -> Tensor:
        """Return the branch, (B, H, W, D); of the maps it keeps for its gradient only the value."""
        return torch.addcmul(self.bias.to(self.value.dtype) * self.factors, self.value, self.factors)
