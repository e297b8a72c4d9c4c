"""Which network a set of tensors belongs to: variant, ablation, classes and image size, from the shapes."""

import math
import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from cipa.errors import DataError
from cipa.models.config import (
    MOST_CLASSES,
    MOST_IMAGE_SIZE,
    MOST_WIDTH,
    SIGMA_VARIANTS,
    VARIANTS,
    CIPAConfig,
    SigmaConfig,
    Variant,
    VMambaConfig,
)
from cipa.models.vmamba import PATCH

EMBEDDING = "encoder.patch_embedding.projection.weight"
OUTPUT = "decoder.output.weight"
SIGMA = ("cross.", "concat.")
"""What the names of Sigma's own modules begin with."""
_BLOCK = re.compile(r"^encoder\.stages\.([0-3])\.blocks\.(\d{1,3})\.")
_MAP_NORM = re.compile(r"^crm\.([0-3])\.map_norm\.weight$")
_MAP_PROJ = re.compile(r"^crm\.[0-3]\.map_proj\.weight$")
"""A name with another stage is of no module of a network, and is reported as left over."""


def infer_config(tensors: Mapping[str, Tensor], path: Path) -> VMambaConfig:
    """Infer the configuration from the tensors, as far as they determine it; the rest takes its default.

    Windows and threshold are not in tensors: they stay at their defaults, and without a CRM so does the
    image size.

    Args:
        tensors: by our names; some may be missing or of a wrong shape.
        path: where they come from, for messages.

    Raises:
        DataError: these are neither CIPA's nor Sigma's, or no variant has this encoder.
    """
    for name in (EMBEDDING, OUTPUT):
        if name not in tensors or not tensors[name].ndim:
            raise DataError(f"{path} holds no CIPA network: it has no tensor for {name}")
    dim, depths = tensors[EMBEDDING].shape[0], _depths(tensors)
    classes = tensors[OUTPUT].shape[0]
    if classes > MOST_CLASSES:
        raise DataError(f"{path}: {OUTPUT} is for {classes} classes, more than {MOST_CLASSES}: not a network")
    if any(name.startswith(SIGMA) for name in tensors):
        return SigmaConfig.of_variant(_variant(SIGMA_VARIANTS, dim, depths, path), num_classes=classes)
    crm = any(name.startswith("crm.") for name in tensors)
    return CIPAConfig.of_variant(
        _variant(VARIANTS, dim, depths, path),
        crm=crm,
        dcim=any(name.startswith("dcim.") for name in tensors),
        num_classes=classes,
        **(_crm_sizes(tensors, path) if crm else {}),
    )


def _depths(tensors: Mapping[str, Tensor]) -> tuple[int, ...]:
    counts: dict[int, int] = {}
    for match in filter(None, map(_BLOCK.match, tensors)):
        stage, block = int(match[1]), int(match[2])
        counts[stage] = max(counts.get(stage, 0), block + 1)
    return tuple(counts.get(stage, 0) for stage in range(4))


def _variant(variants: Mapping[str, Variant], dim: int, depths: tuple[int, ...], path: Path) -> str:
    for name, variant in variants.items():
        if (variant.dim, variant.depths) == (dim, depths):
            return name
    raise DataError(
        f"{path}: no variant has an encoder of dim {dim} and depths {depths} (known: {', '.join(variants)})"
    )


def _crm_sizes(tensors: Mapping[str, Tensor], path: Path) -> dict[str, int]:
    sizes = {}
    for name, tensor in tensors.items():
        if match := _MAP_NORM.match(name):
            side = math.isqrt(tensor.numel())
            if side * side != tensor.numel():
                raise DataError(f"{path}: {name} has {tensor.numel()} values, which is no square map")
            sizes["image_size"] = _at_most(side * PATCH * 2 ** int(match[1]), MOST_IMAGE_SIZE, name, path)
        if _MAP_PROJ.match(name) and tensor.ndim:
            sizes["crm_width"] = _at_most(tensor.shape[0], MOST_WIDTH, name, path)
    return sizes


def _at_most(size: int, most: int, name: str, path: Path) -> int:
    if not 0 < size <= most:
        raise DataError(f"{path}: {name} is for a size of {size}, which no network has")
    return size
