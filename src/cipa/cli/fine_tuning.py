"""What a run takes over from the weights that it starts from, unless the command line says otherwise."""

from dataclasses import replace
from pathlib import Path

from cipa.training.recipe import TrainRecipe

TAKEN = ("image_size", "crm", "dcim", "ct_window", "suv_max")
"""Settings of a network that its weights cannot do without."""


def like_weights(recipe: TrainRecipe, weights: str, given: set[str]) -> TrainRecipe:
    """Return `recipe` with the network that `weights` are of.

    Args:
        recipe: where the rest comes from.
        weights: as `cipa.load_model` takes them; published files, which hold no settings, change nothing.
        given: names of the fields that the command line sets, which stay as they are.

    Raises:
        DataError: the weights' configuration cannot be read.
        UsageError: `weights` names two things, as `locate_weights`.
    """
    from cipa.models.checkpoints.folder import read_config
    from cipa.models.checkpoints.locate import locate_weights
    from cipa.models.pretrained import CONFIG_NAME

    folder: Path = locate_weights(weights)
    if not (folder / CONFIG_NAME).is_file():
        return recipe
    config = read_config(folder / CONFIG_NAME)
    taken = {name: getattr(config, name) for name in TAKEN if hasattr(config, name)} | {
        "model": config.variant
    }
    changes = {name: value for name, value in taken.items() if name not in given}
    return replace(recipe, network=replace(recipe.network, **changes))
