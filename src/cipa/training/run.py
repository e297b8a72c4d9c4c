"""One training run from a recipe: start or resume, train, draw pictures."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from cipa.errors import UsageError
from cipa.evaluation.operating_point import OperatingPoint
from cipa.signals import stop_signals
from cipa.training.assembly import assemble_trainer
from cipa.training.config_file import read_recipe
from cipa.training.devices import devices, settle
from cipa.training.loss import DiceKind
from cipa.training.pictures import draw_pictures
from cipa.training.recipe import PUBLISHED, TrainRecipe, flag
from cipa.training.run_folder import RunFolder
from cipa.training.sampler import micro_batch_size, steps_per_epoch
from cipa.training.settle import settle_network
from cipa.training.slices import Slices, read_slices
from cipa.training.tune import tune_best


@dataclass(frozen=True)
class TrainResult:
    """How a run ended.

    Attributes:
        run: its folder.
        step: optimiser steps done.
        total_steps: optimiser steps of the recipe.
        best_dice: highest validation Dice in [0, 1]; None without validation.
        best_step: step it was reached at.
        stopped_by: number of the signal that stopped the run before its end, or 0.
        point: threshold and smallest lesion chosen for the best weights; None where none were, and in the
            processes after the first.
    """

    run: Path
    step: int
    total_steps: int
    best_dice: float | None
    best_step: int
    stopped_by: int
    point: OperatingPoint | None = None


def train(
    recipe: TrainRecipe | None,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    resume: bool = False,
    silent: bool = False,
) -> TrainResult:
    """Train a network on a data set in PCLT20K layout, or resume a run that was stopped.

    Started by torchrun, every process calls it alike; several hosts need `out` on storage they share.

    Args:
        recipe: what to do; when resuming, None takes the run's own.
        data: folder with train.txt, and test.txt where the recipe validates on it.
        out: folder of the run.
        resume: resume the run in `out` instead of starting one.
        silent: print nothing.

    Returns:
        How the run ended.

    Raises:
        UsageError: `out` holds something and `resume` is not set, or holds no run and it is; the recipe is
            not that of the run, does not fit the device, the processes or the number of slices.
        DataError: a file of the data set or a checkpoint cannot be read or written; the loss is no longer
            finite.
    """
    run = RunFolder(Path(out))
    data = Path(data)
    recipe = _resume_recipe(recipe, run) if resume else _new_recipe(recipe or TrainRecipe(), run, data)
    point = None
    with devices(recipe.optimisation, recipe.running) as accelerator, stop_signals() as stop:
        recipe = _for_processes(recipe, accelerator.num_processes)
        slices = read_slices(recipe, data)
        recipe = _for_slices(recipe, slices)
        steps_per_epoch(len(slices.pool), recipe.optimisation.batch_size)
        with assemble_trainer(
            recipe, slices, run, accelerator, stop, resume=resume, silent=silent
        ) as trainer:
            stopped_by = trainer.fit()
            if accelerator.is_main_process and not stopped_by:
                point = _tune(recipe, slices, run, accelerator.device)
                draw_pictures(run, slices.validation, accelerator.device)
    position, total = trainer.position, trainer.total_steps
    best = position.best_dice if position.best_step else None
    return TrainResult(run.path, position.step, total, best, position.best_step, stopped_by, point)


def _tune(recipe: TrainRecipe, slices: Slices, run: RunFolder, device: torch.device) -> OperatingPoint | None:
    """Choose threshold and smallest lesion where there are volumes that are not the test set."""
    wanted = recipe.validation.tune == "volumes" and recipe.validation.validation == "hold-out"
    if not wanted or slices.validation is None or slices.no_volumes or not run.best.exists():
        return None
    return tune_best(run, slices.validation, slices.spacings, device)


def _new_recipe(recipe: TrainRecipe, run: RunFolder, data: Path) -> TrainRecipe:
    run.check_new()
    network = settle_network(recipe.network, data)
    return replace(recipe, network=network, optimisation=settle(recipe.optimisation, recipe.running))


def _resume_recipe(recipe: TrainRecipe | None, run: RunFolder) -> TrainRecipe:
    run.check_begun()
    begun = read_recipe(run.config)
    if recipe is None:
        return begun
    optimisation = recipe.optimisation
    if optimisation.micro_batch is None:
        optimisation = replace(optimisation, micro_batch=begun.optimisation.micro_batch)
    if optimisation.dice == "auto":
        optimisation = replace(optimisation, dice=begun.optimisation.dice)
    open_fields = {name: getattr(begun.network, name) for name in PUBLISHED}
    network = recipe.network.with_defaults(**open_fields)
    recipe = replace(recipe, network=network, optimisation=settle(optimisation, recipe.running))
    for name, wanted, before in recipe.difference(begun):
        raise UsageError(
            f"{flag(name)} {wanted} differs from the {before} that {run.path} was begun with: a resumed run "
            "keeps its recipe; leave the option out, or start a new run with another -o"
        )
    return recipe


def _for_slices(recipe: TrainRecipe, slices: Slices) -> TrainRecipe:
    """Settle what depends on whether there are slices without tumour."""
    if recipe.optimisation.dice != "auto":
        return recipe
    lesion_free = len(slices.pool) > len(slices.tumour_pixels) - slices.lesion_free
    dice: DiceKind = "batch" if lesion_free else "image"
    return replace(recipe, optimisation=replace(recipe.optimisation, dice=dice))


def _for_processes(recipe: TrainRecipe, processes: int) -> TrainRecipe:
    optimisation = recipe.optimisation
    size = micro_batch_size(optimisation.batch_size, processes, optimisation.micro_batch)
    return replace(recipe, optimisation=replace(optimisation, micro_batch=size))
