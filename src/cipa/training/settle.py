"""Fills in what a recipe leaves open about its network, from its initial weights and the data set."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from cipa.data.grey_scale import GreyScale, read_grey_scale, same_value, show
from cipa.data.layout import image_path, patient_of, read_ids
from cipa.data.metadata import METADATA
from cipa.errors import DataError, UsageError
from cipa.io.png import read_grey
from cipa.training.recipe import NetworkRecipe, flag

FROM_WEIGHTS = ("slices", "crm", "dcim")
"""What weights say beside their name and their scale."""


def settle_network(recipe: NetworkRecipe, data: Path) -> NetworkRecipe:
    """Fill in what a recipe leaves open; what neither specifies takes the published value.

    Args:
        recipe: of a run that begins.
        data: its data set, whose metadata.json says what its greys mean and how large its images are; else
            the first training slice says the latter.

    Returns:
        The recipe without an open field but `drop_path`, `init` and `weights`.

    Raises:
        UsageError: an option contradicts the data set or the weights.
        DataError: the weights learnt from another scale than the data set's, a file cannot be read, or the
            data set mixes scales.
    """
    known = _of_data(recipe, data)
    if recipe.weights:
        known |= _of_weights(recipe, known, data)
    return recipe.with_defaults(
        **{name: value for name, value in known.items() if getattr(recipe, name) is None}
    )


def _of_data(recipe: NetworkRecipe, data: Path) -> dict[str, Any]:
    """Return what the data set says; refuse an option that contradicts it."""
    ids = read_ids(data, "train")
    stored = read_grey_scale(data, map(patient_of, ids))
    known = {item.name: getattr(stored, item.name) for item in fields(GreyScale)}
    for name, value in known.items():
        wanted = getattr(recipe, name)
        if None not in (wanted, value) and not same_value(wanted, value):
            raise UsageError(
                f"{flag(name)} {show(wanted)}: {data / METADATA} says {show(value)}; leave the option out, "
                "or convert the volumes again"
            )
    if known["image_size"] is None and recipe.image_size is None:
        known["image_size"] = len(read_grey(image_path(data, ids[0], "CT")))
    return {name: value for name, value in known.items() if value is not None}


def _of_weights(recipe: NetworkRecipe, stored: dict[str, Any], data: Path) -> dict[str, Any]:
    """Return what the weights say; refuse a data set of another scale."""
    from cipa.models.checkpoints.load import load_model

    config = load_model(str(recipe.weights)).config
    known: dict[str, Any] = {"model": config.variant}
    for name in FROM_WEIGHTS:
        if hasattr(config, name) and not (name == "slices" and recipe.change_slices):
            known[name] = getattr(config, name)
    if str(recipe.weights).endswith(".pth"):  # a published file: what its greys meant is not in it
        return known
    for item in fields(GreyScale):
        learnt, has = getattr(config, item.name), stored.get(item.name)
        if has is not None and not same_value(learnt, has):
            raise DataError(
                f"{recipe.weights}: made with {item.name} {show(learnt)}, but {data} has {show(has)}; "
                "convert the volumes again with that, or start from other weights"
            )
        known[item.name] = learnt
    return known
