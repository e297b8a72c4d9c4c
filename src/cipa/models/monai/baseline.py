"""A baseline: one of MONAI's networks behind the interface of `cipa.CIPA`."""

import torch
from torch import Tensor

from cipa.errors import DataError
from cipa.models.monai.build import build_network
from cipa.models.monai.config import BaselineConfig
from cipa.models.pair import check_pair
from cipa.models.pretrained import PretrainedFolder


class Baseline(PretrainedFolder):
    """CT and PET as the channels of one image: two, or six where it sees three slices of each.

    Args:
        config: which network, and its sizes.

    Raises:
        UsageError: MONAI is not installed.
    """

    config: BaselineConfig

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__()
        self.config = config
        self.network = build_network(config)

    @property
    def description(self) -> str:
        """What the card of a saved model calls it."""
        return f"The network {self.config.variant} of MONAI (https://monai.io), a baseline,"

    def forward(self, ct: Tensor, pet: Tensor) -> Tensor:
        """Segment slice pairs.

        Args:
            ct: floating, (B, `config.slices`, H, W) in [-1.6, 1.6]; H and W multiples of 128 and at least
                2^levels.
            pet: like `ct`, on the same grid.

        Returns:
            Logits, (B, num_classes, H, W).

        Raises:
            DataError: a shape or type other than these.
        """
        check_pair(ct, pet, self.config.slices)
        smallest = 2**self.config.levels
        if min(ct.shape[2:]) < smallest:
            raise DataError(
                f"images are {ct.shape[2]} x {ct.shape[3]}: this network's {self.config.levels} levels need "
                f"{smallest} x {smallest} or more"
            )
        return self.network(torch.cat([ct, pet], dim=1))
