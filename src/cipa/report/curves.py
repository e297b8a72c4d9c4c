"""A training run as one picture: loss, learning rate, and scores on the slices held out."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cipa.errors import DataError
from cipa.files import atomic_file
from cipa.readers import excerpt, read_csv
from cipa.text import plural

BLUE, ORANGE, GREEN, GREY = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#8a8f94",
)  # Okabe and Ito's, safe for any colour vision

WINDOW = 0.02
"""Length of the running mean of the loss, as a part of the run."""

FEW_STEPS = 20
"""Runs shorter than this show a dot a step: the line through one step is nothing."""

Columns = dict[str, np.ndarray]
"""A table by column: float64 (rows,), NaN where a cell is empty."""


def save_curves(run: str | os.PathLike[str]) -> Path:
    """Draw RUN/curves.png from RUN/metrics.csv and, where it stands, RUN/validation.csv.

    Args:
        run: folder of a training run. metrics.csv has columns epoch, step, loss and lr, a row a step;
            validation.csv has epoch, step, loss, iou and dice (fractions), a row a validation.

    Returns:
        The path of the picture.

    Raises:
        DataError: metrics.csv is missing or has no row, or a table lacks a column or holds a cell that is
            not a number.
        OSError: the picture cannot be written; nothing is left under its name.
    """
    run = Path(run)
    training = read_columns(run / "metrics.csv", ("epoch", "step", "loss", "lr"))
    if not training["step"].size:
        raise DataError(f"{run / 'metrics.csv'}: no step in it yet; draw the curves after the first")
    held_out = run / "validation.csv"
    validation = read_columns(held_out, ("step", "loss", "iou", "dice")) if held_out.is_file() else None
    drawings: list[Callable[[Axes], None]] = [
        lambda axes: _draw_loss(axes, training, validation),
        lambda axes: _draw_rate(axes, training),
    ]
    if validation and validation["step"].size:
        drawings.append(lambda axes: _draw_scores(axes, validation))
    figure = Figure(figsize=(4.6 * len(drawings), 3.6), layout="constrained")
    for draw, axes in zip(drawings, figure.subplots(1, len(drawings)), strict=True):
        draw(axes)
        _tidy(axes)
    figure.suptitle(f"{run.resolve().name}: {_length(training)}", x=0.01, ha="left", fontsize=11)
    with atomic_file(run / "curves.png") as partial:
        figure.savefig(partial, format="png", dpi=120)
    return run / "curves.png"


def read_columns(path: Path, names: tuple[str, ...]) -> Columns:
    """Read the named columns of a CSV file as numbers.

    Args:
        path: the file; its first line names the columns.
        names: columns to read; others are passed over.

    Returns:
        Each name with its column, float64 (rows,); an empty cell is NaN.

    Raises:
        DataError: the file is missing, lacks a column, or a cell is not a number.
    """
    found = read_csv(path, names, "give the folder that `cipa train` wrote")
    rows = [[_number(row[name], path, line) for name in names] for line, row in found]
    table = np.array(rows, np.float64).reshape(len(rows), len(names))
    return dict(zip(names, table.T, strict=True))


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean about each of `values` (n,) over up to `window` of them, fewer at both ends."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    centres = np.arange(values.size)
    first = np.maximum(centres - window // 2, 0)
    last = np.minimum(centres + (window + 1) // 2, values.size)
    return (sums[last] - sums[first]) / (last - first)


def _draw_loss(axes: Axes, training: Columns, validation: Columns | None) -> None:
    steps, loss = training["step"], training["loss"]
    window = max(1, round(WINDOW * loss.size))
    axes.plot(steps, loss, color=BLUE, alpha=0.25, linewidth=0.7)
    name = "training" if window == 1 else f"training, mean of {window} steps"
    dots = "." if loss.size < FEW_STEPS else ""
    axes.plot(steps, running_mean(loss, window), color=BLUE, marker=dots, label=name)
    if validation and np.isfinite(validation["loss"]).any():
        axes.plot(
            validation["step"], validation["loss"], "o-", color=ORANGE, markersize=3, label="validation"
        )
    axes.set_title("loss (cross entropy + Dice)")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)


def _draw_rate(axes: Axes, training: Columns) -> None:
    axes.plot(training["step"], training["lr"], color=GREY)
    axes.set_title("learning rate")
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    axes.set_ylim(bottom=0)


def _draw_scores(axes: Axes, validation: Columns) -> None:
    steps = validation["step"]
    axes.plot(steps, validation["dice"], "o-", color=GREEN, markersize=3, label="Dice")
    axes.plot(steps, validation["iou"], "s-", color=ORANGE, markersize=3, label="IoU")
    if np.isfinite(validation["dice"]).any():
        best = int(np.nanargmax(validation["dice"]))
        top = validation["dice"][best]
        axes.axhline(top, color=GREEN, linewidth=0.7, linestyle=":")
        axes.set_title(f"validation, best Dice {100 * top:.1f} % at step {steps[best]:.0f}")
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _tidy(axes: Axes) -> None:
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.title.set_fontsize(10)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _length(training: Columns) -> str:
    steps, epochs = training["step"].size, np.unique(training["epoch"]).size
    return f"{plural(steps, 'step')}, {plural(epochs, 'epoch')}"


def _number(cell: str, path: Path, line: int) -> float:
    if cell == "":
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        raise DataError(f"{path}: line {line}: '{excerpt(cell)}' is no number; delete that line") from None
