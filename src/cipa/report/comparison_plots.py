"""Runs side by side as drawings: a box a run, and every patient of each run against the first run."""

import io
import math
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cipa.evaluation.comparison import Comparison
from cipa.report.quantities import QUANTITIES, Quantity

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8a8f94")
"""Okabe and Ito's, safe for any colour vision; runs beyond the eighth begin again."""

COLUMNS = 3
"""Drawings in a row."""

NAMED = 3
"""Patients named in a drawing: those in whom two runs differ most."""

SCATTERED = ("dice", "iou", "nsd", "hd95_mm", "hd95", "volume_error_relative", "acc")
"""Scores drawn patient by patient; which of them there are depends on the protocol."""


def box_plots(comparison: Comparison) -> str:
    """Draw each score: a box a run (quartiles, median; whiskers to 1.5 times the box) and a dot a patient.

    Of fewer patients than an interval needs there are dots alone.

    Returns:
        An `<svg>` element; patients without the score are left out, as they are of its mean.
    """
    metrics = [metric for metric in comparison.scores if _has_values(comparison, metric)]
    height = 0.8 + 0.26 * len(comparison.runs)
    figure, places = _grid(len(metrics), height)
    for metric, axes in zip(metrics, places, strict=True):
        quantity = QUANTITIES[metric]
        values = [_format(quantity, comparison.scores[metric][run]) for run in comparison.runs]
        _boxes(axes, values, comparison.has_intervals)
        axes.set_title(f"{quantity.label} ({quantity.wish})", fontsize=9, loc="left")
        names = comparison.runs if axes in places[::COLUMNS] else [""] * len(values)
        axes.set_yticks(range(1, len(values) + 1), names)
        axes.invert_yaxis()
        _tidy(axes)
    return _svg(figure)


def patient_plots(comparison: Comparison) -> str:
    """Draw each patient's score in the other runs (up) against the first run (right).

    Returns:
        An `<svg>` element. In each drawing the patients that differ most are named.
    """
    metrics = [metric for metric in SCATTERED if _has_values(comparison, metric)]
    figure, places = _grid(len(metrics), 3.1)
    first, *others = comparison.runs
    for metric, axes in zip(metrics, places, strict=True):
        quantity, scores = QUANTITIES[metric], comparison.scores[metric]
        base = _format(quantity, scores[first])
        for place, run in enumerate(others, start=1):
            values, colour = _format(quantity, scores[run]), _colour(place)
            axes.scatter(base, values, s=18, color=colour, alpha=0.75, lw=0, clip_on=False, label=run)
        _name_farthest(axes, comparison.names, base, [_format(quantity, scores[run]) for run in others])
        _diagonal(axes)
        axes.set_title(f"{quantity.label} ({quantity.wish})", fontsize=9, loc="left")
        axes.set_xlabel(first, fontsize=8)
        _tidy(axes)
    handles, labels = places[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=4, frameon=False, fontsize=8)
    return _svg(figure)


def _grid(count: int, height: float) -> tuple[Figure, list[Axes]]:
    rows = math.ceil(count / COLUMNS)
    figure = Figure(figsize=(11, height * rows + 0.4), layout="constrained")
    places = list(figure.subplots(rows, COLUMNS, squeeze=False).ravel())
    for unused in places[count:]:
        unused.remove()
    return figure, places[:count]


def _boxes(axes: Axes, values: Sequence[np.ndarray], with_boxes: bool) -> None:
    known = [each[np.isfinite(each)] for each in values]
    if with_boxes:
        boxes = axes.boxplot(
            known,
            orientation="horizontal",
            widths=0.62,
            patch_artist=True,
            showfliers=False,
            medianprops={"color": "#222"},
        )
        for place, box in enumerate(boxes["boxes"]):
            box.set(facecolor=_colour(place), alpha=0.35, edgecolor=_colour(place))
    for place, each in enumerate(known):
        spread = np.linspace(-0.18, 0.18, 5)[np.arange(each.size) % 5]
        size = 7 if with_boxes else 16
        axes.scatter(each, place + 1 + spread, s=size, color=_colour(place), lw=0, zorder=3, clip_on=False)
    axes.set_ylim(0.4, len(known) + 0.6)


def _name_farthest(axes: Axes, names: Sequence[str], base: np.ndarray, others: list[np.ndarray]) -> None:
    gaps = np.nan_to_num(np.abs(np.array(others) - base), nan=-1.0)
    run_of = gaps.argmax(axis=0)
    for patient in np.argsort(-gaps.max(axis=0), kind="stable")[:NAMED]:
        if gaps[:, patient].max() > 0:
            point = (base[patient], others[run_of[patient]][patient])
            axes.annotate(
                names[patient], point, xytext=(4, 3), textcoords="offset points", fontsize=7, color="#555"
            )


def _diagonal(axes: Axes) -> None:
    low = min(axes.get_xlim()[0], axes.get_ylim()[0])
    high = max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([low, high], [low, high], color="#999", lw=0.8, ls=":", zorder=0)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")


def _tidy(axes: Axes) -> None:
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _svg(figure: Figure) -> str:
    # text stays text: searchable, and a fifth of the size of drawn letters
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "cipa"}):
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    return text[text.index("<svg") :]


def _has_values(comparison: Comparison, metric: str) -> bool:
    scores = comparison.scores.get(metric, {})
    return any(np.isfinite(values).any() for values in scores.values())


def _format(quantity: Quantity, values: Sequence[float]) -> np.ndarray:
    return quantity.scale * np.asarray(values, np.float64)


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]
