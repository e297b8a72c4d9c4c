"""What a run saves, and when: the resumable state, the last weights, the best weights."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from torch import nn
from torch.optim.swa_utils import AveragedModel

from cipa.errors import UsageError
from cipa.training.recipe import RunningRecipe
from cipa.training.run_folder import RunFolder
from cipa.training.state import Position, load_state, restoring, save_state, saving


class Checkpoints:
    """Saves and restores a run. Every process restores; only the first one writes.

    Attributes:
        position: how far the run has come; saved and restored with the rest.
        processes: number of processes the restored state was trained on, None before a restore.
    """

    def __init__(
        self,
        run: RunFolder,
        accelerator: Accelerator,
        model: nn.Module,
        optimizer: AcceleratedOptimizer,
        average: AveragedModel | None,
        running: RunningRecipe,
        data: str,
    ) -> None:
        """Keep what is to be saved.

        Args:
            run: where to.
            accelerator: of the run; its gradient scaler is saved.
            model: unwrapped network.
            optimizer: as Accelerate prepared it.
            average: of the weights, if the recipe has one.
            running: says how often to save.
            data: `state.fingerprint` of the slices.
        """
        self.run = run
        self.accelerator = accelerator
        self.model = model
        self.optimizer = optimizer
        self.average = average
        self.running = running
        self.data = data
        self.position = Position()
        self.processes: int | None = None
        self._saved_at = time.monotonic()

    def due(self, step: int) -> bool:
        """Tell whether the recipe wants a state saved after `step`."""
        minutes = (time.monotonic() - self._saved_at) / 60
        by_time = 0 < self.running.save_every_minutes <= minutes
        return by_time or (self.running.save_every > 0 and step % self.running.save_every == 0)

    def save_state(self) -> None:
        """Write all that resuming needs.

        Raises:
            DataError: it cannot be written; the previous state is intact.
        """
        self._saved_at = time.monotonic()
        if self.accelerator.is_main_process:
            save_state(self.run.state, self._state())

    def restore(self) -> None:
        """Restore the saved state, if there is one.

        Raises:
            DataError: the state is damaged.
            UsageError: it belongs to other slices.
        """
        if not self.run.state.exists():
            return
        state = load_state(self.run.state)
        if state["data"] != self.data:
            raise UsageError(
                f"{self.run.path} was begun with other slices to learn from or validate on than the data set "
                "has now: give the data set it was begun with, or start a new run"
            )
        with restoring(self.run.state):
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.average is not None:
                self.average.load_state_dict(state["average"])
            if self.accelerator.scaler is not None:
                self.accelerator.scaler.load_state_dict(state["scaler"])
        self.position = Position(**state["position"])
        self.processes = state["processes"]

    def save_last(self, model: nn.Module) -> None:
        """Write the weights of `model` as RUN/last."""
        self._save_weights(model, self.run.last)

    def save_best(self, model: nn.Module) -> None:
        """Write the weights of `model` as RUN/best."""
        self._save_weights(model, self.run.best)

    def _save_weights(self, model: Any, folder: Path) -> None:
        if self.accelerator.is_main_process:
            with saving(folder):
                model.save_pretrained(folder)

    def _state(self) -> dict[str, Any]:
        scaler = self.accelerator.scaler
        return {
            "position": asdict(self.position),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "data": self.data,
            "processes": self.accelerator.num_processes,
        }
