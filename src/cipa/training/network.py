"""The network of a recipe: random, with ImageNet weights in its encoder, or from saved weights."""

from typing import Any

import torch
from torch import nn

from cipa.errors import UsageError
from cipa.models.catalogue import CATALOGUE, resolve
from cipa.training.recipe import PUBLISHED, NetworkRecipe, flag
from cipa.training.seeds import Purpose, derive

LEARNT_ANEW = ("inputs", "modality_dropout")
"""Fields in which a run may differ from the weights it starts from: lacking a modality can be learnt late."""


def build_network(recipe: NetworkRecipe, seed: int) -> nn.Module:
    """Make the network on the CPU.

    Args:
        recipe: which network, started from what.
        seed: of the initial weights.

    Raises:
        UsageError: `recipe.weights` are of another network than the recipe's, or MONAI is needed and absent.
        DataError: a weights file is missing or not readable.
    """
    if recipe.weights:
        return _start_from(recipe.weights, recipe)
    recipe = recipe.with_defaults()
    from cipa.models.registry import create_model

    variant, settings = _settings(recipe)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, Purpose.INITIAL_WEIGHTS))
        model = create_model(variant, **settings)
    if recipe.init:
        from cipa.models.checkpoints.published import init_encoder

        init_encoder(model, recipe.init)
    return model


def _start_from(weights: str, recipe: NetworkRecipe) -> nn.Module:
    from cipa.models.checkpoints.load import load_model

    model = load_model(weights)
    config = model.config
    of_weights = {name: getattr(config, name, True) for name in PUBLISHED if name != "model"}
    recipe = recipe.with_defaults(model=config.variant, **of_weights)
    variant, settings = _settings(recipe)
    free = (*LEARNT_ANEW, "slices") if recipe.change_slices else LEARNT_ANEW
    for name, wanted in {"model": variant, **settings}.items():
        if name in free:
            continue
        found = getattr(model.config, "variant" if name == "model" else name)
        if found != wanted:
            asked = ", or --change-slices" if name == "slices" else ""
            raise UsageError(
                f"{flag(name)} {wanted} does not fit --weights {weights}, which were made with {found}: "
                f"give {flag(name)} {found}{asked}"
            )
    changes = {name: getattr(recipe, name) for name in free}
    if any(getattr(model.config, name) != value for name, value in changes.items()):
        tensors = model.state_dict()
        model = type(model)(model.config.replace(**changes))
        model.load_state_dict(tensors)
    return model.train()


def _settings(recipe: NetworkRecipe) -> tuple[str, dict[str, Any]]:
    """Return the variant, and what the recipe says of its configuration; an ablation's name goes first."""
    model = recipe.model or PUBLISHED["model"]
    variant, implied = resolve(model)
    settings: dict[str, Any] = {
        name: getattr(recipe, name)
        for name in ("image_size", "ct_window", "suv_max", "pet_scaling", "slices", *LEARNT_ANEW)
    }
    if CATALOGUE[model].family == "CIPA":
        settings |= {"crm": recipe.crm, "dcim": recipe.dcim} | implied
    if recipe.drop_path is not None:
        settings["drop_path"] = recipe.drop_path
    return variant, settings
