"""Which network a set of tensors belongs to: variant, ablation, classes and image size, from the shapes."""

import math
import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from cipa.errors import DataError
from cipa.models.config import SIGMA_VARIANTS, VARIANTS, CIPAConfig, SigmaConfig, Variant, VMambaConfig
from cipa.models.vmamba import PATCH

EMBEDDING = "encoder.patch_embedding.projection.weight"
OUTPUT = "decoder.output.weight"
SIGMA = ("cross.", "concat.")
"""What the names of Sigma's own modules begin with."""
_BLOCK = re.compile(r"^encoder\.stages\.(\d+)\.blocks\.(\d+)\.")
_MAP_NORM = re.compile(r"^crm\.(\d+)\.map_norm\.weight$")
_MAP_PROJ = re.compile(r"^crm\.\d+\.map_proj\.weight$")


def infer_config(tensors: Mapping[str, Tensor], path: Path) -> VMambaConfig:
    """Find the configuration whose tensors these are, as far as they tell; the rest has its default.

    Windows and threshold are not in tensors: they stay at their defaults, and without a CRM so does the
    image size.

    Args:
        tensors: by our names; some may be missing or of a wrong shape.
        path: where they come from, for messages.

    Raises:
        DataError: these are neither CIPA's nor Sigma's, or no variant has this encoder.
    """
    for name in (EMBEDDING, OUTPUT):
        if name not in tensors:
            raise DataError(f"{path} holds no CIPA network: it has no tensor for {name}")
    dim, depths = tensors[EMBEDDING].shape[0], _depths(tensors)
    classes = tensors[OUTPUT].shape[0]
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
            sizes["image_size"] = side * PATCH * 2 ** int(match[1])
        if _MAP_PROJ.match(name):
            sizes["crm_width"] = tensor.shape[0]
    return sizes
