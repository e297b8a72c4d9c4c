"""Learning rate as a function of the step: no state to save, nothing to lose on resume."""

import math

from cipa.training.recipe import OptimisationRecipe


def learning_rate(step: int, total: int, recipe: OptimisationRecipe) -> float:
    """Return the learning rate of one optimiser step.

    A linear rise over `recipe.warmup_steps` (none in the published recipe), then half a cosine from
    `recipe.lr` to `recipe.final_lr * recipe.lr` over the steps that remain.

    Args:
        step: optimiser steps already done, 0 to `total`.
        total: optimiser steps of the whole run.
        recipe: gives lr, final_lr and warmup_steps.
    """
    if step < recipe.warmup_steps:
        return recipe.lr * (step + 1) / (recipe.warmup_steps + 1)
    progress = (step - recipe.warmup_steps) / max(1, total - recipe.warmup_steps)
    lowest = recipe.lr * recipe.final_lr
    return lowest + (recipe.lr - lowest) * (1 + math.cos(math.pi * min(1.0, progress))) / 2
