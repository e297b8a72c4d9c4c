"""The networks of a predictor: one, or an ensemble whose members see the same images."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import nn

from cipa.errors import DataError, UsageError
from cipa.models.checkpoints.load import load_model
from cipa.models.config import MIN_SUV
from cipa.models.exported.files import is_exported, load_exported

Weights = str | os.PathLike[str] | nn.Module | Sequence[str | os.PathLike[str] | nn.Module] | None
"""A path, a network, several of either, or None for the weights that come with the package."""

BUNDLED = "bundled"
"""Name of the weights that come with the package."""

SHARED = ("image_size", "num_classes", "ct_window", "suv_max", "pet_scaling", "slices")
"""Settings that the members of an ensemble must have in common: what their images are."""


STORED = {"threshold": 0.5, "smallest_ml": 0.0, "shortest_mm": 0.0, "min_suv": MIN_SUV}
"""Settings of marks that count, with what stands for one that a network does not have."""


def load_members(weights: Weights) -> tuple[list[nn.Module], list[str]]:
    """Load every network of an ensemble.

    Args:
        weights: as `Weights` says.

    Returns:
        The networks, at least one, and what to call each: a file's name without its folders.

    Raises:
        DataError: a file cannot be read, as `cipa.load_model`, or no weights come with this installation.
        UsageError: none is given, or the members were made for different images.
    """
    several = [weights] if weights is None or isinstance(weights, (str, os.PathLike, nn.Module)) else weights
    if not several:
        raise UsageError("no weights given: give at least one path or network")
    members = [_load(one) for one in several]
    _check_alike(members)
    return [model for model, _ in members], [name for _, name in members]


@dataclass(frozen=True)
class StoredSettings:
    """What the weights say of marks that count, the mean over an ensemble.

    Attributes:
        threshold: probability from which a voxel is tumour, 0 to 1.
        smallest_ml: volume below which a lesion is left out.
        shortest_mm: length below which a lesion is left out.
        min_suv: SUVmax below which a lesion is left out.
        warnings: a line for each of these in which the members differ.
    """

    threshold: float
    smallest_ml: float
    shortest_mm: float
    min_suv: float
    warnings: tuple[str, ...] = ()


def stored_settings(members: Sequence[nn.Module], threshold: float | None = None) -> StoredSettings:
    """Return the settings stored with the weights; where the members of an ensemble differ, their mean.

    Folds of one training choose their thresholds each on its own patients, so that they differ as a rule.

    Args:
        members: the networks.
        threshold: one that the user gave, in place of theirs.
    """
    stored = {
        name: [float(getattr(cast(Any, model).config, name, default)) for model in members]
        for name, default in STORED.items()
    }
    if threshold is not None:
        stored["threshold"] = [threshold]
    means = {name: float(np.mean(values)) for name, values in stored.items() if len(set(values)) > 1}
    chosen = {name: means.get(name, values[0]) for name, values in stored.items()}
    warnings = tuple(
        f"ensemble: the weights store {name} {', '.join(f'{one:g}' for one in stored[name])}; "
        f"their mean {mean:.4g} is used" + ("; --threshold sets it" if name == "threshold" else "")
        for name, mean in means.items()
    )
    return StoredSettings(**chosen, warnings=warnings)


def digest_of(models: Sequence[nn.Module]) -> str:
    """Return sixteen hexadecimal digits of the SHA-256 of all weights, names included."""
    total = hashlib.sha256()
    for model in models:
        for name, tensor in sorted(model.state_dict().items()):
            total.update(name.encode())
            total.update(memoryview(cast(Any, tensor.detach().cpu().contiguous().numpy())).cast("B"))
    return total.hexdigest()[:16]


def _load(one: str | os.PathLike[str] | nn.Module | None) -> tuple[nn.Module, str]:
    if isinstance(one, nn.Module):
        return one, type(one).__name__
    if one is None or (one == BUNDLED and not Path(one).exists()):
        return load_model(_bundled()), BUNDLED
    path = Path(one)
    return load_exported(path) if is_exported(path) else load_model(path), path.name or path.resolve().name


def _bundled() -> Path:
    try:
        from cipa.models.bundled import bundled_weights
    except ImportError as error:
        raise DataError("no weights come with this installation; give weights (--weights PATH)") from error
    return Path(bundled_weights())


def _check_alike(members: Sequence[tuple[nn.Module, str]]) -> None:
    first, name = members[0]
    for other, other_name in members[1:]:
        for setting in SHARED:
            one, two = (getattr(cast(Any, model).config, setting, None) for model in (first, other))
            if one != two:
                raise UsageError(
                    f"an ensemble's weights must share {setting}: {name} has {one}, {other_name} {two}"
                )
