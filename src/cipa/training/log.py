"""The log of a run: always metrics.csv and validation.csv, a tracker if asked for, and the display."""

import math
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

import psutil
import torch
from accelerate.tracking import GeneralTracker

from cipa.progress import Display
from cipa.training.log_file import LogFile
from cipa.training.run_folder import RunFolder
from cipa.training.state import Position
from cipa.training.validation import Score

METRICS = ("epoch", "step", "lr", "loss", "seconds", "slices_per_second", "memory_mib")
VALIDATION = ("epoch", "step", "iou", "dice", "acc", "hd95", "loss", "volume_dice", "fp_ml")

SHOWN_STEPS = 20
"""The display shows the mean loss of this many steps; the files hold every step's own."""


@dataclass(frozen=True)
class Pace:
    """The timing columns of metrics.csv.

    Attributes:
        seconds: since the run began, less the time between a stop and its resumption.
        slices_per_second: of one step, over all processes, waiting for data included.
    """

    seconds: float
    slices_per_second: float


class TrainingLog:
    """Writes steps and validations as rows. Only the first process keeps one that writes."""

    def __init__(
        self,
        run: RunFolder,
        display: Display,
        position: Position,
        *,
        write: bool,
        tracker: GeneralTracker | None = None,
    ) -> None:
        """Open the files where the run stands, dropping later rows.

        A run that was killed after a validation was written and before the next state was saved validates
        again: its row is dropped too.

        Args:
            run: where the files lie.
            display: what shows the numbers.
            position: how far the run has come.
            write: whether this process writes anything.
            tracker: gets every number too.

        Raises:
            DataError: a file that stands there is no table.
            OSError: a file cannot be written.
        """
        self.display = display
        self._metrics = LogFile(run.metrics, METRICS, position.step) if write else None
        self._validation = LogFile(run.validation, VALIDATION, position.validated_step) if write else None
        self._tracker = tracker
        self._recent: deque[float] = deque(maxlen=SHOWN_STEPS)

    def write_step(
        self, epoch: int, step: int, lr: float, loss: float, pace: Pace, device: torch.device
    ) -> None:
        """Write the row of one optimiser step.

        Args:
            epoch: counted from 1.
            step: optimiser steps done, this one included.
            lr: its learning rate.
            loss: its mean loss over the global batch.
            pace: how long it took, and the run so far.
            device: whose memory is named.
        """
        memory = memory_mib(device)
        row = {"epoch": epoch, "step": step, "lr": lr, "loss": loss, "seconds": pace.seconds}
        row |= {"slices_per_second": pace.slices_per_second, "memory_mib": memory}
        if self._metrics:
            self._metrics.add(**row)
        self._track("train", row, step)
        self._recent.append(loss)
        self.display.numbers(step, sum(self._recent) / len(self._recent), lr, pace.slices_per_second, memory)

    def write_validation(self, epoch: int, step: int, score: Score, *, best: bool) -> None:
        """Write the row of one validation and show it; `best` says that it is the highest Dice so far."""
        row = asdict(score)
        if self._validation:
            self._validation.add(epoch=epoch, step=step, **row)
        self._track("validation", row, step)
        hd95 = "" if math.isnan(score.hd95) else f"  HD95 {score.hd95:.2f} px"
        volume = "" if math.isnan(score.volume_dice) else f"  whole volumes: Dice {score.volume_dice:.4f}"
        false = "" if math.isnan(score.fp_ml) else f", {score.fp_ml:.2f} mL false"
        self.display.line(
            f"epoch {epoch}  validation: Dice {score.dice:.4f}  IoU {score.iou:.4f}  Acc {score.acc:.4f}"
            f"{hd95}  loss {score.loss:.4f}{volume}{false}{'  best so far' * best}"
        )

    def close(self) -> None:
        """Close the files, and let the tracker finish."""
        for file in (self._metrics, self._validation):
            if file:
                file.close()
        if self._tracker:
            self._tracker.finish()

    def _track(self, section: str, row: dict[str, Any], step: int) -> None:
        if self._tracker is None:
            return
        known = {
            name: value for name, value in row.items() if name not in ("epoch", "step") and value == value
        }
        self._tracker.log({f"{section}/{name}": value for name, value in known.items()}, step=step)


def memory_mib(device: torch.device) -> float:
    """Return a GPU's peak memory since the process began, or the process's resident memory now, in MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return psutil.Process().memory_info().rss / 2**20
