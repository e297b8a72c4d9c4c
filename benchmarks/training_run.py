"""The real trainer on one data set, timed by its own log; `benchmarks.scaling` starts it by torchrun.

    torchrun --nproc-per-node 2 -m benchmarks.training_run DATA OUT

Prints slices a second over all processes, once their weights were found to be equal, as JSON.
"""

import argparse
import csv
import json
import os
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
from accelerate.utils import gather

from benchmarks.harness import require
from cipa.data.layout import image_path
from cipa.data.pclt20k import PCLT20K
from cipa.io.png import read_grey
from cipa.signals import stop_signals
from cipa.training.assembly import assemble_trainer
from cipa.training.devices import devices, settle
from cipa.training.loader import TrainingLoader
from cipa.training.recipe import (
    NetworkRecipe,
    OptimisationRecipe,
    RunningRecipe,
    TrainRecipe,
    ValidationRecipe,
)
from cipa.training.run_folder import RunFolder
from cipa.training.sampler import SlicePool
from cipa.training.slices import Slices

EPOCHS = 3
WARM_UP = 10 if torch.cuda.is_available() else 4
"""The steps before its end find kernels and fill caches, and are not counted."""


class Resident:
    """A loader that gives the first batch of the files again and again, from the device's memory."""

    def __init__(self, loader: TrainingLoader) -> None:
        self.ids, self.sampler, self.device = loader.ids, loader.sampler, loader.device
        self.batches = list(islice(loader.epoch(0, 0), self.sampler.share // self.sampler.micro_batch))

    def epoch(self, epoch, start):
        """Yield the batches for ever."""
        while True:
            yield from self.batches


def timed_training(
    dataset: PCLT20K,
    folder: Path,
    model: str,
    batch_size: int,
    processes: int = 1,
    *,
    resident: bool = False,
) -> float:
    """Train, each process on its whole share of a batch at once.

    Args:
        dataset: slices.
        folder: of the run.
        model: name of the network.
        batch_size: slices a step, over all processes.
        processes: how many torchrun started; each calls this.
        resident: every process trains on its first batch only.

    Returns:
        Slices a second.
    """
    optimisation = OptimisationRecipe(
        epochs=EPOCHS, batch_size=batch_size, micro_batch=batch_size // processes, dice="image"
    )
    recipe = TrainRecipe(
        network=NetworkRecipe(model=model, image_size=dataset.size).with_defaults(),
        optimisation=optimisation,
        validation=ValidationRecipe(validation="none"),
        running=RunningRecipe(save_every_epochs=0),
    )
    recipe = replace(recipe, optimisation=settle(optimisation, recipe.running))
    run = RunFolder(folder)
    folder.mkdir(exist_ok=True)
    with devices(recipe.optimisation, recipe.running) as accelerator, stop_signals() as stop:
        slices = Slices(dataset, None, [1] * len(dataset), SlicePool(range(len(dataset))))
        with assemble_trainer(recipe, slices, run, accelerator, stop, resume=False, silent=True) as trainer:
            if resident:
                trainer.loader = Resident(trainer.loader)
            trainer.fit()
            _require_equal_weights(trainer.model)
    with run.metrics.open(newline="") as file:
        seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
    require(len(seconds) > 2 * WARM_UP, f"{len(seconds)} steps are too few to time")
    return (len(seconds) - WARM_UP) * batch_size / (seconds[-1] - seconds[WARM_UP - 1])


def _require_equal_weights(model: torch.nn.Module) -> None:
    own = torch.stack([parameter.detach().double().sum() for parameter in model.parameters()])
    every = gather(own[None])
    require(bool((every == every[:1]).all()), f"weights of {len(every)} processes differ after training")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--batch", type=int, default=16, help="slices a step of each process")
    parser.add_argument("--steps", type=int, default=20, help="of an epoch")
    wanted = parser.parse_args()
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    whole = processes * wanted.batch
    ids = (wanted.data / "train.txt").read_text().split()
    require(len(ids) >= whole * wanted.steps, f"{wanted.data} has {len(ids)} slices only")
    first = read_grey(image_path(wanted.data, ids[0], "CT"))
    dataset = PCLT20K(wanted.data, ids[: whole * wanted.steps], len(first))
    speed = timed_training(dataset, wanted.out, wanted.model, whole, processes)
    if int(os.environ.get("RANK", "0")) == 0:
        print(json.dumps({"speed": speed}))


if __name__ == "__main__":
    main()
