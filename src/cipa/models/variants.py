"""Which kind of configuration a variant's name belongs to; no network is built to know it."""

from cipa.errors import UsageError
from cipa.models.catalogue import CATALOGUE
from cipa.models.config import CIPAConfig, NetworkConfig, SigmaConfig
from cipa.models.monai.config import BaselineConfig

CONFIG_CLASSES: tuple[type[NetworkConfig], ...] = (CIPAConfig, SigmaConfig, BaselineConfig)
"""Every kind; no two of them share a variant's name."""


def config_class(variant: str) -> type[NetworkConfig]:
    """Return the kind of configuration that has a variant of this name.

    Raises:
        UsageError: none has.
    """
    for kind in CONFIG_CLASSES:
        if variant in kind.variants():
            return kind
    raise UsageError(f"variant '{variant}': must be one of {', '.join(CATALOGUE)}")
