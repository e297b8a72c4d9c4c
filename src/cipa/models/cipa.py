"""CIPA: lung tumour segmentation in PET-CT (Mei et al., CVPR 2025, arXiv 2503.17261).

    ct  (B,1,S,S) ─┐ stacked   ┌─> ct_0..ct_3 ──┐ stage i
    pet (B,1,S,S) ─┴─> VMamba ─┴─> pet_0..pet_3 ┴─> CRM -> DCIM -> fused_i ─> decoder ─> logits

Written from the paper and from the published tensors. Names are the field's, `checkpoints/names.py` maps the
published ones. The encoder runs once on both modalities; all between images and logits is channel last.
"""

from typing import Any

import torch
from torch import Tensor, nn

from cipa.errors import DataError
from cipa.models.config import IMAGE_SIZE_STEP, CIPAConfig
from cipa.models.crm import CRM
from cipa.models.dcim import DCIM
from cipa.models.decoder import Decoder
from cipa.models.layers import channels_first, initialise_linear_layers
from cipa.models.pretrained import PretrainedFolder
from cipa.models.vmamba import VMamba


class CIPA(PretrainedFolder):
    """The network.

    Args:
        config: its sizes and modules.
    """

    def __init__(self, config: CIPAConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = VMamba(config.dim, config.depths, config.drop_path)
        self.crm = nn.ModuleList(CRM(side * side, config.crm_width) for side in config.grids if config.crm)
        self.dcim = nn.ModuleList(DCIM(width) for width in config.widths if config.dcim)
        self.decoder = Decoder(config.dim, config.num_classes)
        initialise_linear_layers(self)

    def forward(self, ct: Tensor, pet: Tensor) -> Tensor:
        """Segment slice pairs.

        Args:
            ct: floating, (B, 1, H, W) in [-1.6, 1.6]. With the CRM, H and W are `config.image_size`; without,
                any multiples of 128.
            pet: like `ct`, on the same grid.

        Returns:
            Logits, (B, num_classes, H, W); their sigmoid is the probability of tumour.

        Raises:
            DataError: a shape or type other than these.
        """
        self._check(ct, pet)
        features = self.encoder(torch.cat([ct, pet]))
        fused = [self.fuse(stage, *feature.chunk(2)) for stage, feature in enumerate(features)]
        return channels_first(self.decoder(fused))

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
        return ct + pet + self.dcim[stage](*rectified)

    def _check(self, ct: Tensor, pet: Tensor) -> None:
        for name, image in (("ct", ct), ("pet", pet)):
            if image.ndim != 4 or image.shape[1] != 1:
                raise DataError(f"{name} has shape {tuple(image.shape)}: must be (batch, 1, height, width)")
            if not image.is_floating_point():
                raise DataError(
                    f"{name} is {image.dtype}: must be floating, see cipa.data.intensity.normalise"
                )
        if ct.shape != pet.shape:
            raise DataError(
                f"ct has shape {tuple(ct.shape)}, pet {tuple(pet.shape)}: bring both to the same grid first"
            )
        sides, size = tuple(ct.shape[2:]), self.config.image_size
        if self.config.crm and sides != (size, size):
            raise DataError(
                f"images are {sides[0]} x {sides[1]}: this network's CRM is made for {size} x {size}; "
                "resize the images or load the weights with another image_size"
            )
        if any(side % IMAGE_SIZE_STEP for side in sides):
            raise DataError(
                f"images are {sides[0]} x {sides[1]}: sides must be multiples of {IMAGE_SIZE_STEP}"
            )


def create_model(
    variant: str = "tiny",
    *,
    crm: bool = True,
    dcim: bool = True,
    num_classes: int = 1,
    image_size: int = 512,
    **settings: Any,
) -> CIPA:
    """Build a network with random weights.

    Args:
        variant: "tiny", "small", "base" (the paper's) or "nano" (1.8 M parameters, for CPUs and tests).
        crm: include channel-wise rectification.
        dcim: include dynamic cross-modality interaction.
        num_classes: channels of the logits.
        image_size: side of the images in pixels, a multiple of 128.
        settings: other fields of `CIPAConfig`, such as drop_path, ct_window, suv_max or threshold.

    Returns:
        The network on the CPU in training mode, drawn from PyTorch's global generator.

    Raises:
        UsageError: an unknown variant or setting, or a value out of its range.
    """
    return CIPA(
        CIPAConfig.of_variant(
            variant, crm=crm, dcim=dcim, num_classes=num_classes, image_size=image_size, **settings
        )
    )
