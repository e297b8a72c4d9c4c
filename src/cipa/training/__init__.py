"""Training: a recipe as data, a loop that can be stopped and resumed, on a CPU, a GPU or several.

`train` and `TrainResult` are imported on first use, so that a recipe can be read and written without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cipa.training.recipe import (
    NetworkRecipe,
    OptimisationRecipe,
    RunningRecipe,
    TrainRecipe,
    ValidationRecipe,
)

if TYPE_CHECKING:
    from cipa.training.run import TrainResult, train

__all__ = [
    "NetworkRecipe",
    "OptimisationRecipe",
    "RunningRecipe",
    "TrainRecipe",
    "TrainResult",
    "ValidationRecipe",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import the loop when it is asked for."""
    if name in ("TrainResult", "train"):
        return getattr(import_module("cipa.training.run"), name)
    raise AttributeError(f"module 'cipa.training' has no attribute {name!r}")
