"""From a name or a configuration to a network, whatever its family."""

from typing import Any

from cipa.errors import UsageError
from cipa.models.catalogue import CATALOGUE, resolve
from cipa.models.cipa import CIPA
from cipa.models.config import CIPAConfig, NetworkConfig, SigmaConfig
from cipa.models.monai.baseline import Baseline
from cipa.models.monai.config import BaselineConfig
from cipa.models.pretrained import PretrainedFolder
from cipa.models.sigma import Sigma
from cipa.models.variants import config_class

FAMILIES: dict[type[NetworkConfig], type[PretrainedFolder]] = {
    CIPAConfig: CIPA,
    SigmaConfig: Sigma,
    BaselineConfig: Baseline,
}
"""The network of each kind of configuration."""


def create_model(
    variant: str = "tiny", *, num_classes: int = 1, image_size: int = 512, **settings: Any
) -> PretrainedFolder:
    """Build a network with random weights.

    Args:
        variant: a name of `cipa models`: "tiny", "small", "base" (the paper's CIPA), "nano" (for CPUs and
            tests), an ablation such as "tiny-crm-only", or a baseline such as "dynunet".
        num_classes: channels of the logits.
        image_size: side of the images in pixels, a multiple of 128.
        settings: other fields of the network's configuration: ct_window, suv_max, slices and threshold of
            every one; crm, dcim and drop_path of CIPA; width and levels of MONAI's.

    Returns:
        The network on the CPU in training mode, drawn from PyTorch's global generator. All of them map ct and
        pet, (B, slices, H, W) each, to logits (B, num_classes, H, W).

    Raises:
        UsageError: an unknown name or setting, a value out of its range, or MONAI is needed and absent.
    """
    if variant not in CATALOGUE:
        raise UsageError(f"variant '{variant}': must be one of {', '.join(CATALOGUE)}")
    base, implied = resolve(variant)
    settings = {**settings, **implied, "num_classes": num_classes, "image_size": image_size}
    return network_of(config_class(base).of_variant(base, **settings))


def network_of(config: NetworkConfig) -> PretrainedFolder:
    """Build the network of a configuration with random weights.

    Raises:
        UsageError: MONAI is needed and not installed.
    """
    build: Any = FAMILIES[type(config)]
    return build(config)
