"""The scores of a set of slices as text for the terminal, in the paper's units."""

import math

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from cipa.evaluation.pooled import pooled_intervals
from cipa.evaluation.published import PublishedResult
from cipa.evaluation.statistics import Interval, why_no_interval
from cipa.evaluation.tables import PROTOCOL
from cipa.report.fitted_table import FittedTable
from cipa.text import plural

COLUMNS = ("", "IoU %", "Dice %", "Acc %", "HD95 px")


def scores_table(result: PublishedResult, title: str = "") -> RenderableType:
    """Return IoU, Dice and Acc in percent and HD95 in pixels, with what a reader must know beside them.

    Args:
        result: the scores.
        title: what was scored.

    Returns:
        Something `rich.print` shows: the table, the protocol with the number of slices and patients, the
        spread over patients, and the slices whose HD95 is by convention or left out.
    """
    percents = [_format(100 * score) for score in (result.iou, result.dice, result.acc)]
    row = ("pooled pixels", *percents, _format(result.hd95))
    heading = [Text(title, style="bold")] if title else []  # as Text, so that [brackets] of a path stay
    return Group(*heading, FittedTable(COLUMNS, [row], right=True), *map(Text, _remarks(result)))


def _remarks(result: PublishedResult) -> list[str]:
    slices, patients = len(result.slices), len(result.patients)
    lines = [f"protocol {PROTOCOL}; {plural(slices, 'slice')}, {plural(patients, 'patient')}"]
    dice = np.array([row["dice"] for row in result.patients])
    if patients > 1 and not math.isnan(result.iou):
        lines.append(_intervals(result))
    if np.isfinite(dice).sum() > 1:
        low, middle, high = (100 * np.nanquantile(dice, part) for part in (0.25, 0.5, 0.75))
        lines.append(f"Dice of a patient: median {middle:.1f} %, quartiles {low:.1f} % and {high:.1f} %")
    if result.missed:
        lines.append(
            f"missed: {plural(len(result.missed), 'slice')} with tumour where none was predicted; "
            "HD95 there is to the centre pixel"
        )
    if result.unfounded:
        lines.append(
            f"unfounded: {plural(len(result.unfounded), 'slice')} without tumour where some was predicted; "
            "left out of HD95"
        )
    return lines


def _intervals(result: PublishedResult) -> str:
    why_not = why_no_interval(len(result.patients))
    if why_not:
        return why_not
    bounds = pooled_intervals(result.patients)
    names = (("IoU", "iou"), ("Dice", "dice"), ("Acc", "acc"))
    shown = (f"{name} {_bounds(bounds[key])}" for name, key in names)
    return f"95 % intervals over patients: {', '.join(shown)}"


def _bounds(interval: Interval) -> str:
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f} %"


def _format(score: float) -> str:
    return "-" if math.isnan(score) else f"{score:.2f}"
