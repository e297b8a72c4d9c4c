"""The rows of the table: in what each differs from recipe.yaml."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from cipa.errors import UsageError
from cipa.training.config_file import read_recipe
from cipa.training.recipe import TrainRecipe

RECIPE = Path(__file__).with_name("recipe.yaml")

ROBUST: dict[str, Any] = {
    "modality_dropout": 0.4,
    "misregistration": 0.5,
    "misregistration_shift": 0.04,
    "misregistration_scale": 0.03,
    "pet_intensity": 0.5,
    "pet_gain": 0.3,
}

ROWS: dict[str, dict[str, Any]] = {
    "tiny": {},
    "tiny-dcim-only": {"crm": False},
    "tiny-crm-only": {"dcim": False},
    "tiny-neither": {"crm": False, "dcim": False},
    "dynunet": {"model": "dynunet", "lr": 1e-3},
    "unet": {"model": "unet", "lr": 1e-3},
    "attention-unet": {"model": "attention-unet", "lr": 1e-3},
    "swin-unetr": {"model": "swin-unetr"},
    "tiny-robust": ROBUST,
    "tiny-neither-robust": {"crm": False, "dcim": False, **ROBUST},
    "dynunet-robust": {"model": "dynunet", "lr": 1e-3, **ROBUST},
    "tiny-ct": {"inputs": "ct"},
    "tiny-pet": {"inputs": "pet"},
    "nano": {"model": "nano", "lr": 1e-3},
}
"""Row to the fields it changes. The learning rate is a family's: MONAI's convolutions take twice VMamba's."""


def recipe_of(row: str, seed: int, changes: dict[str, Any]) -> TrainRecipe:
    """Return the recipe of a row.

    Args:
        row: of `ROWS`.
        seed: of every random draw.
        changes: fields of the recipe to change on top.

    Raises:
        UsageError: an unknown row or field, or a value out of its range.
    """
    if row not in ROWS:
        raise UsageError(f"row '{row}': there are {', '.join(ROWS)}")
    return changed(read_recipe(RECIPE), {**ROWS[row], "seed": seed, **changes})


def changed(recipe: TrainRecipe, changes: dict[str, Any]) -> TrainRecipe:
    """Return a recipe with some fields changed, whichever group they are in."""
    left = dict(changes)
    groups = {}
    for group in fields(recipe):
        part = getattr(recipe, group.name)
        own = {item.name: left.pop(item.name) for item in fields(part) if item.name in left}
        groups[group.name] = replace(part, **own)
    if left:
        raise UsageError(f"{', '.join(left)}: no field of a recipe (cipa train --help lists them)")
    return TrainRecipe(**groups)
