"""CIPA: lung tumour segmentation in PET-CT (Mei et al., CVPR 2025, arXiv 2503.17261).

    ct  (B,N,S,S) ─┐ stacked   ┌─> ct_0..ct_3 ──┐ stage i
    pet (B,N,S,S) ─┴─> VMamba ─┴─> pet_0..pet_3 ┴─> CRM -> DCIM -> fused_i ─> decoder ─> logits

Written from the paper and from the published tensors. Names are the field's, `checkpoints/names.py` maps the
published ones. The encoder runs once on both modalities; all between images and logits is channel last. N is
1 as published, or 3 for a slice between its neighbours.
"""

import torch
from torch import Tensor, nn

from cipa.errors import DataError
from cipa.models.config import CIPAConfig
from cipa.models.crm import CRM
from cipa.models.dcim import DCIM
from cipa.models.decoder import Decoder
from cipa.models.layers import channels_first, initialise_linear_layers
from cipa.models.pair import check_pair
from cipa.models.pretrained import PretrainedFolder
from cipa.models.side_stream import Branches
from cipa.models.vmamba import VMamba


class CIPA(PretrainedFolder):
    """The network.

    Args:
        config: its sizes and modules.

    Attributes:
        concurrent: fuse a stage's features in parallel with later stages; for a pass captured on a GPU.
    """

    config: CIPAConfig
    concurrent = False

    def __init__(self, config: CIPAConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = VMamba(config.dim, config.depths, config.drop_path, config.slices)
        self.crm = nn.ModuleList(CRM(side * side, config.crm_width) for side in config.grids if config.crm)
        self.dcim = nn.ModuleList(DCIM(width) for width in config.widths if config.dcim)
        self.decoder = Decoder(config.dim, config.num_classes)
        initialise_linear_layers(self)

    @property
    def description(self) -> str:
        """What the card of a saved model calls it."""
        return "A CIPA network (Mei et al., CVPR 2025, arXiv 2503.17261)"

    def forward(self, ct: Tensor, pet: Tensor) -> Tensor:
        """Segment slice pairs.

        Args:
            ct: floating, (B, `config.slices`, H, W) in [-1.6, 1.6]. With the CRM, H and W are
                `config.image_size`; without, any multiples of 128.
            pet: like `ct`, on the same grid.

        Returns:
            Logits, (B, num_classes, H, W); their sigmoid is the probability of tumour.

        Raises:
            DataError: a shape or type other than these.
        """
        self._check(ct, pet)
        fusions = Branches(ct.device if self.concurrent else None)
        for stage, feature in enumerate(self.encoder.stage_by_stage(torch.cat([ct, pet]))):
            fusions.start(self.fuse, stage, *feature.unflatten(0, (2, -1)))
        return channels_first(self.decoder(fusions.join()))

    def fuse(self, stage: int, ct: Tensor, pet: Tensor) -> Tensor:
        """Fuse the features of one stage by the modules the network has.

        Args:
            stage: 0 to 3.
            ct: (B, H, W, C).
            pet: (B, H, W, C).

        Returns:
            (B, H, W, C).
        """
        rectified = self.crm[stage](ct, pet) if self.config.crm else (ct, pet)
        if not self.config.dcim:
            return rectified[0] + rectified[1]
        return self.dcim[stage](*rectified, residual=(ct, pet))

    def _check(self, ct: Tensor, pet: Tensor) -> None:
        check_pair(ct, pet, self.config.slices)
        sides, size = tuple(ct.shape[2:]), self.config.image_size
        if self.config.crm and sides != (size, size):
            raise DataError(
                f"images are {sides[0]} x {sides[1]}: this network's CRM is made for {size} x {size}; "
                "resize the images or load the weights with another image_size"
            )
