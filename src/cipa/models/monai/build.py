"""MONAI's networks, built to a configuration: 2-D, CT and PET as channels, no dropout anywhere.

Dropout would draw from the global random stream, and a resumed run would then end elsewhere; it is off by
default in all of them. All numbers not given here are MONAI's defaults.
"""

from typing import Any

import torch
from torch import Tensor, nn

from cipa.errors import UsageError
from cipa.models.monai.config import BaselineConfig

MODALITIES = 2


def build_network(config: BaselineConfig) -> nn.Module:
    """Build what `config.variant` names, with random weights.

    Args:
        config: its sizes.

    Returns:
        Maps (B, 2 * slices, H, W) to logits (B, num_classes, H, W).

    Raises:
        UsageError: MONAI or a package it needs is not installed.
    """
    try:
        import einops  # noqa: F401 - MONAI's Swin UNETR needs it and says so only when it runs
        from monai.networks import nets
    except ImportError as error:
        package = (error.name or "monai").partition(".")[0]
        raise UsageError(
            f"model '{config.variant}' needs {package}: pip install 'cipa[baselines]'"
        ) from error
    channels = MODALITIES * config.slices
    common = {"spatial_dims": 2, "in_channels": channels, "out_channels": config.num_classes}
    return BUILDERS[config.variant](nets, common, config)


def _unet(nets: Any, common: dict[str, int], config: BaselineConfig) -> nn.Module:
    """U-Net (arXiv 1505.04597) with MONAI's residual units: two convolutions each, instance norm, PReLU."""
    return nets.UNet(**common, channels=config.channels, strides=_halvings(config), num_res_units=2)


def _attention_unet(nets: Any, common: dict[str, int], config: BaselineConfig) -> nn.Module:
    """Attention U-Net (arXiv 1804.03999): additive gates on the skips, batch norm, ReLU."""
    return nets.AttentionUnet(**common, channels=config.channels, strides=_halvings(config))


def _dynunet(nets: Any, common: dict[str, int], config: BaselineConfig) -> nn.Module:
    """nnU-Net's network (arXiv 1809.10486): two 3x3 convolutions a level, affine instance norm, leaky ReLU.

    Without deep supervision: every network here is trained by the same loss on one map of logits.
    """
    halvings = _halvings(config)
    return Unrolled(
        nets.DynUNet(
            **common,
            kernel_size=[3] * config.levels,
            strides=[1, *halvings],
            upsample_kernel_size=halvings,
            filters=config.channels,
            deep_supervision=False,
        )
    )


def _swin_unetr(nets: Any, common: dict[str, int], config: BaselineConfig) -> nn.Module:
    """Swin UNETR (arXiv 2201.01266): Swin transformer encoder, windows of 7, convolutional decoder."""
    with torch.device("cpu"):  # it reads values of tensors while it is built, which meta tensors have none of
        return nets.SwinUNETR(**common, feature_size=config.width)


BUILDERS = {
    "unet": _unet,
    "attention-unet": _attention_unet,
    "dynunet": _dynunet,
    "swin-unetr": _swin_unetr,
}


def _halvings(config: BaselineConfig) -> list[int]:
    return [2] * (config.levels - 1)


class Unrolled(nn.Module):
    """MONAI's DynUNet as a loop over its blocks.

    MONAI's own module holds every block twice, by its place and within a recursive copy of the network:
    every weight has two names, and safetensors refuses such a state dict.

    Args:
        network: a DynUNet without deep supervision, whose blocks are taken.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.encoder = nn.ModuleList([network.input_block, *network.downsamples])
        self.bottleneck = network.bottleneck
        self.decoder = network.upsamples
        self.output = network.output_block

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to logits (B, classes, H, W)."""
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
        x = self.bottleneck(x)
        for block, skip in zip(self.decoder, reversed(skips), strict=True):
            x = block(x, skip)
        return self.output(x)
