"""The network a recipe asks for: fresh, with ImageNet weights in its encoder, or from CIPA weights."""

from dataclasses import fields

import torch
from torch import nn

from cipa.errors import UsageError
from cipa.training.recipe import NetworkRecipe
from cipa.training.seeds import Purpose, derive

NAME_IN_CONFIG = {"model": "variant"}

LEARNT_ANEW = ("inputs", "modality_dropout")
"""Fields in which a run may differ from the weights it starts from: lacking a modality can be learnt late."""


def build_network(recipe: NetworkRecipe, seed: int) -> nn.Module:
    """Make the network on the CPU.

    Args:
        recipe: which network, started from what.
        seed: of the initial weights.

    Raises:
        UsageError: `recipe.weights` are of another network than the recipe's.
        DataError: a weights file is missing or not readable.
    """
    if recipe.weights:
        return _started_from(recipe.weights, recipe)
    from cipa.models.cipa import create_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, Purpose.INITIAL_WEIGHTS))
        model = create_model(
            recipe.model,
            crm=recipe.crm,
            dcim=recipe.dcim,
            num_classes=1,
            image_size=recipe.image_size,
            ct_window=recipe.ct_window,
            suv_max=recipe.suv_max,
            inputs=recipe.inputs,
            modality_dropout=recipe.modality_dropout,
        )
    if recipe.init:
        from cipa.models.checkpoints import init_encoder

        init_encoder(model, recipe.init)
    return model


def _started_from(weights: str, recipe: NetworkRecipe) -> nn.Module:
    from cipa.models.checkpoints import load_model

    model = load_model(weights)
    for item in fields(recipe):
        if item.name in ("init", "weights", *LEARNT_ANEW):
            continue
        wanted, found = (
            getattr(recipe, item.name),
            getattr(model.config, NAME_IN_CONFIG.get(item.name, item.name)),
        )
        if found != wanted:
            raise UsageError(
                f"--{item.name} {wanted} does not fit --weights {weights}, which were made with {found}: "
                f"give --{item.name} {found}"
            )
    changes = {name: getattr(recipe, name) for name in LEARNT_ANEW}
    if any(getattr(model.config, name) != value for name, value in changes.items()):
        tensors = model.state_dict()
        model = type(model)(model.config.replaced(**changes))
        model.load_state_dict(tensors)
    return model.train()
