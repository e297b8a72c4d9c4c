"""A lesion on one picture: CT in the lung window, PET and both fused, enlarged and outlined."""

import os
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cipa.data.modalities import BOTH
from cipa.inference.lesions import Lesion
from cipa.inference.result import Prediction
from cipa.io.orientation import spacing
from cipa.report.figure_file import save_figure
from cipa.report.pet_style import (
    INK,
    QUIET,
    SUV_TOP,
    Extent,
    outline,
    scale_bar,
    show_ct,
    show_fused,
    show_pet,
    sides,
)

SMALLEST_VIEW_MM = 90.0
"""Side of the view, if the lesion does not need more."""

ROOM = 2.0
"""Side of the view over the lesion's own extent."""

CELL, GAP, TOP = 2.5, 0.06, 0.5
"""Inches of an image, between images, and of the lines above."""

DPI = 130
BARS_MM = (10.0, 20.0, 50.0)


def save_lesion_panel(path: str | os.PathLike[str], prediction: Prediction, lesion: Lesion) -> None:
    """Write CT, PET and both fused around a lesion, on the axial slice where it is largest.

    Args:
        path: name of the PNG.
        prediction: the study.
        lesion: one of its lesions; others in view are outlined in a thin line.

    Raises:
        OSError: the file cannot be written; nothing is left under its name.
    """
    names = prediction.axial(prediction.labels)
    first, last = lesion.slices
    index = first + int(np.argmax((names[first : last + 1] == lesion.number).sum(axis=(1, 2))))
    box, extent = _view(names[index] == lesion.number, prediction)
    labels, hu, suv = (
        prediction.axial(array)[index][box]
        for array in (prediction.labels, prediction.ct.array, prediction.pet_on_ct)
    )
    titles = _titles(prediction.inputs)
    width = len(titles) * (CELL + GAP) - GAP
    figure = Figure(figsize=(width, CELL + TOP), facecolor="white")
    for place, (column, title) in enumerate(titles.items()):
        left = place * (CELL + GAP) / width
        axes = figure.add_axes((left, 0.0, CELL / width, CELL / (CELL + TOP)))
        _draw(axes, column, hu, suv, extent)
        _outlines(axes, labels, lesion.number, extent)
        _finish(axes, extent, "white" if column != 1 else INK)
        figure.text(left + 0.005, (CELL + 0.06) / (CELL + TOP), title, fontsize=8, color=QUIET)
    figure.text(
        0.005,
        1 - 0.08 / (CELL + TOP),
        _title(lesion, index, prediction.inputs),
        va="top",
        fontsize=9.5,
        color=INK,
        weight="bold",
    )
    save_figure(path, figure, DPI)


def _titles(inputs: str) -> dict[int, str]:
    """Return the columns that can be drawn from what was given."""
    titles = {0: "CT, lung window", 1: f"PET, SUV 0 to {SUV_TOP:g}", 2: "PET on CT"}
    return titles if inputs == BOTH else {0: titles[0]} if inputs == "ct" else {1: titles[1]}


def _title(lesion: Lesion, index: int, inputs: str) -> str:
    if inputs != BOTH:  # one image is too narrow for SUV, which the table has
        return f"Lesion {lesion.number}  {lesion.volume_ml:.2f} mL  slice {index}"
    return (
        f"Lesion {lesion.number}    {lesion.volume_ml:.2f} mL    SUVmax {lesion.suv_max:.1f}    "
        f"SUVpeak {lesion.suv_peak:.1f}    axial slice {index}"
    )


def _view(inside: NDArray[np.bool_], prediction: Prediction) -> tuple[tuple[slice, slice], Extent]:
    """Return rows and columns of a square about the lesion, within the slice, and its extent in mm."""
    _, high, wide = spacing(prediction.axial_affine)
    rows, columns = np.nonzero(inside)
    reach = max(np.ptp(rows) * high, np.ptp(columns) * wide)
    side = max(SMALLEST_VIEW_MM, ROOM * float(reach))
    box = tuple(
        _window(places, side / step, length)
        for places, step, length in zip((rows, columns), (high, wide), inside.shape, strict=True)
    )
    return (box[0], box[1]), (
        0.0,
        (box[1].stop - box[1].start) * wide,
        (box[0].stop - box[0].start) * high,
        0.0,
    )


def _window(places: NDArray[np.intp], count: float, length: int) -> slice:
    wanted = min(round(count), length)
    start = round((int(places.min()) + int(places.max()) + 1 - wanted) / 2)
    start = max(0, min(start, length - wanted))
    return slice(start, start + wanted)


def _draw(axes: Axes, column: int, hu: NDArray[Any], suv: NDArray[Any], extent: Extent) -> None:
    if column == 0:
        show_ct(axes, hu, extent)
    elif column == 1:
        show_pet(axes, suv, extent)
    else:
        show_fused(axes, hu, suv, extent)


def _outlines(axes: Axes, labels: NDArray[Any], number: int, extent: Extent) -> None:
    outline(axes, (labels > 0) & (labels != number), extent, linewidths=0.7, linestyles="dotted")
    outline(axes, labels == number, extent, linewidths=1.4)


def _finish(axes: Axes, extent: Extent, colour: str) -> None:
    """Fix the view, fill what is not square with black, and say where left and right are."""
    axes.set_xlim(extent[:2])
    axes.set_ylim(extent[2:])
    axes.set_facecolor("black")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal")
    for spine in axes.spines.values():
        spine.set(color="#c8ccd0", linewidth=0.6)
    sides(axes, "R L A P", colour)
    side = extent[1] - extent[0]
    scale_bar(axes, max(bar for bar in BARS_MM if bar == BARS_MM[0] or bar <= side / 4), colour)
