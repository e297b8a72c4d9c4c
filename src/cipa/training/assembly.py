"""Builds the parts of a training run: network, optimiser, data, checkpoints, logs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import nn

from cipa.data.layout import TUMOUR_ALONE
from cipa.evaluation.volume_dice import VolumeDice
from cipa.progress import Display
from cipa.signals import StopFlag
from cipa.text import plural
from cipa.training.checkpoints import Checkpoints
from cipa.training.config_file import write_recipe
from cipa.training.ddp import lay_out_gradients
from cipa.training.drop_path import sample_drop_paths
from cipa.training.ema import average_of
from cipa.training.graph_step import uses_cuda_graph
from cipa.training.loader import TrainingLoader, count_workers
from cipa.training.log import TrainingLog
from cipa.training.network import build_network
from cipa.training.optimizer import build_optimizer
from cipa.training.parts import TrainingParts
from cipa.training.recipe import TrainRecipe
from cipa.training.run_folder import RunFolder
from cipa.training.sampler import EpochSampler, SlicePool, steps_per_epoch
from cipa.training.slices import Slices, count, describe_training
from cipa.training.split_file import write_split
from cipa.training.sync_batchnorm import synchronise_batchnorm
from cipa.training.trackers import start_tracker
from cipa.training.trainer import Trainer
from cipa.training.validation import Validator


@contextmanager
def assemble_trainer(
    recipe: TrainRecipe,
    slices: Slices,
    run: RunFolder,
    accelerator: Accelerator,
    stop: StopFlag,
    *,
    resume: bool,
    silent: bool,
) -> Iterator[Trainer]:
    """Yield the trainer of a new or resumed run, and close its files afterwards.

    Args:
        recipe: with precision and micro_batch settled.
        slices: what it learns from and is validated on.
        run: where it writes.
        accelerator: its devices.
        stop: tells of stop signals.
        resume: take up the state in `run`.
        silent: print nothing.

    Yields:
        The trainer.

    Raises:
        UsageError: weights do not fit the recipe, or the state in `run` belongs to other slices.
        DataError: weights or state cannot be read.
    """
    optimisation, running, main = recipe.optimisation, recipe.running, accelerator.is_main_process
    # A resumed run has its weights in its state: the files it was started from may be gone.
    network = replace(recipe.network, init=None, weights=None) if resume else recipe.network
    model = build_network(network, optimisation.seed).to(accelerator.device)
    if accelerator.num_processes > 1:
        model = synchronise_batchnorm(model, accelerator.device)
    drop_path = sample_drop_paths(model, optimisation.seed)
    average = average_of(model, optimisation.ema_decay) if optimisation.ema_decay else None
    optimizer = accelerator.prepare_optimizer(build_optimizer(model, optimisation))
    checkpoints = Checkpoints(run, accelerator, model, optimizer, average, running, slices.fingerprint)
    if resume:
        checkpoints.restore()
    sampler = _sampler(recipe, slices.pool, accelerator)
    workers = count_workers(running.workers)
    loader = TrainingLoader(slices.training, sampler, workers, accelerator.device)
    validator = _validator(recipe, slices, accelerator, workers)
    accelerator.wait_for_everyone()  # nobody writes before everybody has found everything fit to use
    if main:
        run.clear_remains()
        write_recipe(recipe, run.config)
        held = slices.validation.ids if slices.validation else []
        write_split(run.split, recipe.validation.fold, slices.training.ids, held, slices.left_out)
    step = checkpoints.position.step
    total = steps_per_epoch(len(slices.pool), optimisation.batch_size) * optimisation.epochs
    with Display(total, step, silent=silent or not main) as display:
        _announce(display, recipe, slices, accelerator, checkpoints)
        tracker = start_tracker(running.log_to, run, step, recipe.settings) if main else None
        log = TrainingLog(run, display, checkpoints.position, write=main, tracker=tracker)
        parts = TrainingParts(
            recipe=recipe,
            accelerator=accelerator,
            model=_prepare_model(model, recipe, accelerator),
            optimizer=optimizer,
            average=average,
            drop_path=drop_path,
            loader=loader,
            validator=validator,
            checkpoints=checkpoints,
            log=log,
            stop=stop,
        )
        try:
            yield Trainer(parts)
        finally:
            log.close()


def _prepare_model(model: nn.Module, recipe: TrainRecipe, accelerator: Accelerator) -> nn.Module:
    """Return the network in the run's arithmetic, under DDP unless its passes are captured in CUDA graphs."""
    in_graph = uses_cuda_graph(recipe, accelerator)
    if in_graph and accelerator.num_processes > 1:
        broadcast(list(model.state_dict().values()))
    elif accelerator.num_processes > 1:
        lay_out_gradients(model)
    return accelerator.prepare_model(model, evaluation_mode=in_graph)


def _sampler(recipe: TrainRecipe, pool: SlicePool, accelerator: Accelerator) -> EpochSampler:
    optimisation = recipe.optimisation
    rank, processes = accelerator.process_index, accelerator.num_processes
    micro_batch = optimisation.micro_batch or 1
    return EpochSampler(pool, optimisation.batch_size, micro_batch, optimisation.seed, rank, processes)


def _validator(
    recipe: TrainRecipe, slices: Slices, accelerator: Accelerator, workers: int
) -> Validator | None:
    if slices.validation is None:
        return None
    size = recipe.optimisation.micro_batch or 1
    return Validator(
        slices.validation,
        accelerator,
        size,
        workers,
        hd95=recipe.validation.hd95,
        inputs=recipe.network.inputs,
        volumes=None if slices.no_volumes else VolumeDice(slices.spacings),
    )


def _announce(
    display: Display, recipe: TrainRecipe, slices: Slices, accelerator: Accelerator, checkpoints: Checkpoints
) -> None:
    network, optimisation, kind = recipe.network, recipe.optimisation, recipe.validation.validation
    millions = sum(parameter.numel() for parameter in checkpoints.model.parameters()) / 1e6
    processes = accelerator.num_processes
    display.line(
        f"{network.model}, {millions:.2f} M parameters, {optimisation.precision} on {accelerator.device.type}"
    )
    display.line(
        f"{plural(optimisation.batch_size, 'slice')} a step: {plural(processes, 'process', 'processes')}, "
        f"{plural(optimisation.micro_batch or 1, 'slice')} at once in each"
    )
    display.line(f"learns from {describe_training(slices)}")
    if not slices.lesion_free:
        display.line(f"warning: {TUMOUR_ALONE}; convert with --slices all to give it others")
    if slices.left_out:
        display.line(f"fold {recipe.validation.fold}: never sees {plural(len(slices.left_out), 'patient')}")
    if slices.validation is None:
        display.line("validates on nothing: only the last weights are kept")
    else:
        held = "held out of train.txt" if kind == "hold-out" else "of test.txt"
        display.line(f"validates on {count(slices.validation)} {held}")
        if slices.no_volumes:
            display.line(f"warning: no scores of whole volumes: {slices.no_volumes}")
        elif slices.spacings is None:
            display.line("note: no false-positive volume in mL: metadata.json says no spacing_mm")
    if kind == "test":
        display.line(
            "warning: best weights will be chosen on the test set, as the released code does; "
            "their score there does not tell how they do on unseen patients"
        )
    if checkpoints.position.step:
        display.line(f"resumed at step {checkpoints.position.step}")
    if checkpoints.processes not in (None, processes):
        seen = [(optimisation.micro_batch or 1) * count for count in (checkpoints.processes or 1, processes)]
        display.line(
            f"note: begun on {checkpoints.processes} process(es), now {processes}: batch normalisation sees "
            f"{plural(seen[1], 'slice')} at once instead of {seen[0]}, so that the result will not be quite "
            "the same"
        )
