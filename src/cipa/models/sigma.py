"""Sigma (Wan et al., WACV 2025, arXiv 2404.04256): CIPA's closest rival, with its encoder and decoder.

    ct  (B,1,S,S) ─┐ stacked   ┌─> ct_0..ct_3 ──┐ stage i
    pet (B,1,S,S) ─┴─> VMamba ─┴─> pet_0..pet_3 ┴─> Cross -> Concat Mamba -> fused_i ─> decoder ─> logits

Written from the paper and from the published tensors. Nothing in it is sized by the image.
"""

import torch
from torch import Tensor, nn

from cipa.models.config import SigmaConfig
from cipa.models.decoder import Decoder
from cipa.models.layers import channels_first, initialise_linear_layers
from cipa.models.pair import check_pair
from cipa.models.pretrained import PretrainedFolder
from cipa.models.sigma_fusion import ConcatMamba, CrossMamba
from cipa.models.vmamba import VMamba


class Sigma(PretrainedFolder):
    """The network.

    Args:
        config: its sizes.
    """

    config: SigmaConfig

    def __init__(self, config: SigmaConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = VMamba(config.dim, config.depths, config.drop_path, config.slices)
        self.cross = nn.ModuleList(CrossMamba(width) for width in config.widths)
        self.concat = nn.ModuleList(ConcatMamba(width) for width in config.widths)
        self.decoder = Decoder(config.dim, config.num_classes)
        initialise_linear_layers(self)

    @property
    def description(self) -> str:
        """What the card of a saved model calls it."""
        return "A Sigma network (Wan et al., WACV 2025, arXiv 2404.04256), a baseline,"

    def forward(self, ct: Tensor, pet: Tensor) -> Tensor:
        """Segment slice pairs.

        Args:
            ct: floating, (B, `config.slices`, H, W) in [-1.6, 1.6], sides any multiples of 128.
            pet: like `ct`, on the same grid.

        Returns:
            Logits, (B, num_classes, H, W); their sigmoid is the probability of tumour.

        Raises:
            DataError: a shape or type other than these.
        """
        check_pair(ct, pet, self.config.slices)
        features = self.encoder(torch.cat([ct, pet]))
        fused = [
            concat(*cross(*feature.unflatten(0, (2, -1))))
            for feature, cross, concat in zip(features, self.cross, self.concat, strict=True)
        ]
        return channels_first(self.decoder(fused))
