"""The loss of every row as one picture: a panel a network, its seeds over each other."""

import math
from pathlib import Path

from matplotlib.figure import Figure

from cipa.files import atomic_file
from cipa.report.curves import BLUE, GREEN, ORANGE, read_columns

COLUMNS, PANEL = 4, (2.7, 1.9)
"""Panels side by side, and their inches."""

SEEDS = (BLUE, ORANGE, GREEN)


def save_loss_curves(path: Path, curves: dict[str, list[Path]]) -> None:
    """Draw the training loss over the steps.

    Args:
        path: name of the PNG.
        curves: network to the loss.csv of its seeds, as `run_row` writes them, in the order of the panels.

    Raises:
        DataError: a file lacks a column or holds a cell that is not a number.
        OSError: the picture cannot be written; nothing is left under its name.
    """
    lines = math.ceil(len(curves) / COLUMNS)
    figure = Figure(figsize=(COLUMNS * PANEL[0], lines * PANEL[1] + 0.3), layout="constrained")
    panels = figure.subplots(lines, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (name, files) in zip(panels, curves.items(), strict=False):
        for seed, file in enumerate(files):
            shown = read_columns(file, ("step", "loss"))
            axes.plot(shown["step"], shown["loss"], color=SEEDS[seed % len(SEEDS)], lw=0.9)
        axes.set_title(name, fontsize=9, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=7)
    panels[0].set_ylim(0)  # of all, once everything is drawn
    for axes in panels[len(curves) :]:
        axes.set_visible(False)
    figure.supxlabel("step", fontsize=8)
    figure.supylabel("training loss", fontsize=8)
    with atomic_file(path) as partial:
        figure.savefig(partial, dpi=130, format="png")
