"""The network a recipe asks for: fresh, with ImageNet weights in its encoder, or from weights."""

from typing import Any

import torch
from torch import nn

from cipa.errors import UsageError
from cipa.models.catalogue import CATALOGUE, resolve
from cipa.training.recipe import NetworkRecipe
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
        return _started_from(recipe.weights, recipe)
    from cipa.models.registry import create_model

    variant, settings = _settings(recipe)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, Purpose.INITIAL_WEIGHTS))
        model = create_model(variant, **settings)
    if recipe.init:
        from cipa.models.checkpoints import init_encoder

        init_encoder(model, recipe.init)
    return model


def _started_from(weights: str, recipe: NetworkRecipe) -> nn.Module:
    from cipa.models.checkpoints import load_model

    model = load_model(weights)
    variant, settings = _settings(recipe)
    for flag, wanted in {"model": variant, **settings}.items():
        if flag in LEARNT_ANEW:
            continue
        found = getattr(model.config, "variant" if flag == "model" else flag)
        if found != wanted:
            raise UsageError(
                f"{_flag(flag)} {wanted} does not fit --weights {weights}, which were made with {found}: "
                f"give {_flag(flag)} {found}"
            )
    changes = {name: getattr(recipe, name) for name in LEARNT_ANEW}
    if any(getattr(model.config, name) != value for name, value in changes.items()):
        tensors = model.state_dict()
        model = type(model)(model.config.replaced(**changes))
        model.load_state_dict(tensors)
    return model.train()


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _settings(recipe: NetworkRecipe) -> tuple[str, dict[str, Any]]:
    """Return the variant, and what the recipe says of its configuration; an ablation's name goes first."""
    variant, implied = resolve(recipe.model)
    settings: dict[str, Any] = {
        name: getattr(recipe, name) for name in ("image_size", "ct_window", "suv_max", *LEARNT_ANEW)
    }
    if CATALOGUE[recipe.model].family == "CIPA":
        settings |= {"crm": recipe.crm, "dcim": recipe.dcim} | implied
    if recipe.drop_path is not None:
        settings["drop_path"] = recipe.drop_path
    return variant, settings
