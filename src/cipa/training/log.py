"""The record of a run: metrics.csv and validation.csv always, TensorBoard when asked, the display."""

import math
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

import psutil
import torch

from cipa.errors import UsageError
from cipa.training.log_table import Table
from cipa.training.progress import Display
from cipa.training.run_folder import RunFolder
from cipa.training.validation import Score

METRICS = ("epoch", "step", "lr", "loss", "seconds", "slices_per_second", "memory_mib")
VALIDATION = ("epoch", "step", "iou", "dice", "acc", "hd95", "loss", "volume_dice", "fp_ml")

SHOWN_STEPS = 20
"""The display shows the mean loss of this many steps; the tables hold every step's own."""


@dataclass(frozen=True)
class Pace:
    """Time as a row of metrics.csv names it.

    Attributes:
        seconds: since the run began, less the time between a stop and its resumption.
        slices_per_second: of one step, over all processes, waiting for data included.
    """

    seconds: float
    slices_per_second: float


class Journal:
    """Writes steps and validations as rows. Only the first process keeps one that writes."""

    def __init__(
        self, run: RunFolder, display: Display, step: int, *, write: bool, tensorboard: bool
    ) -> None:
        """Open the tables at `step`, dropping later rows.

        Args:
            run: where the tables lie.
            display: what shows the numbers.
            step: optimiser steps already done.
            write: whether this process writes anything.
            tensorboard: whether to write TensorBoard events.

        Raises:
            UsageError: TensorBoard is asked for and not installed.
            OSError: a table cannot be written.
        """
        self.display = display
        self._metrics = Table(run.metrics, METRICS, step) if write else None
        self._validation = Table(run.validation, VALIDATION, step) if write else None
        self._events = _summary_writer(run, step) if write and tensorboard else None
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
        self._write_events("train", row, step)
        self._recent.append(loss)
        self.display.numbers(step, sum(self._recent) / len(self._recent), lr, pace.slices_per_second, memory)

    def write_validation(self, epoch: int, step: int, score: Score, *, best: bool) -> None:
        """Write the row of one validation and show it; `best` says that it is the highest Dice so far."""
        row = asdict(score)
        if self._validation:
            self._validation.add(epoch=epoch, step=step, **row)
        self._write_events("validation", row, step)
        hd95 = "" if math.isnan(score.hd95) else f"  HD95 {score.hd95:.2f} px"
        volume = "" if math.isnan(score.volume_dice) else f"  whole volumes: Dice {score.volume_dice:.4f}"
        false = "" if math.isnan(score.fp_ml) else f", {score.fp_ml:.2f} mL false"
        self.display.line(
            f"epoch {epoch}  validation: Dice {score.dice:.4f}  IoU {score.iou:.4f}  Acc {score.acc:.4f}"
            f"{hd95}  loss {score.loss:.4f}{volume}{false}{'  best so far' * best}"
        )

    def close(self) -> None:
        """Close the files."""
        for file in (self._metrics, self._validation, self._events):
            if file:
                file.close()

    def _write_events(self, section: str, row: dict[str, Any], step: int) -> None:
        if self._events is None:
            return
        for name, value in row.items():
            if name not in ("epoch", "step") and value == value:
                self._events.add_scalar(f"{section}/{name}", value, step)


def memory_mib(device: torch.device) -> float:
    """Return a GPU's peak memory since the process began, or the process's resident memory now, in MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return psutil.Process().memory_info().rss / 2**20


def _summary_writer(run: RunFolder, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UsageError(
            "--tensorboard needs TensorBoard: pip install 'cipa[tensorboard]', or leave it out"
        ) from error
    return SummaryWriter(str(run.tensorboard), purge_step=step + 1 if step else None)
