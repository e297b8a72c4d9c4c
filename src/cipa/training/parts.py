"""Everything a trainer needs, as one value."""

from dataclasses import dataclass

from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from torch import nn
from torch.optim.swa_utils import AveragedModel

from cipa.signals import StopFlag
from cipa.training.checkpoints import Checkpoints
from cipa.training.drop_path import DropPathDraws
from cipa.training.loader import TrainingLoader
from cipa.training.log import TrainingLog
from cipa.training.recipe import TrainRecipe
from cipa.training.validation import Validator


@dataclass(frozen=True)
class TrainingParts:
    """The parts of a new or resumed run.

    Attributes:
        recipe: with nothing left open.
        accelerator: devices, processes and arithmetic.
        model: as Accelerate prepared it.
        optimizer: likewise.
        average: running average of the weights, if the recipe has one.
        drop_path: draws which residuals are dropped.
        loader: gives micro-batches.
        validator: scores; None where the recipe validates on nothing.
        checkpoints: saves; holds the position.
        log: where numbers go.
        stop: tells of stop signals.
    """

    recipe: TrainRecipe
    accelerator: Accelerator
    model: nn.Module
    optimizer: AcceleratedOptimizer
    average: AveragedModel | None
    drop_path: DropPathDraws
    loader: TrainingLoader
    validator: Validator | None
    checkpoints: Checkpoints
    log: TrainingLog
    stop: StopFlag
