"""A lesion on one picture: CT in two windows, PET, and PET over CT, enlarged and outlined."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cipa.inference.result import Prediction
from cipa.io.orientation import spacing
from cipa.lesions.measure import Lesion
from cipa.modalities import BOTH
from cipa.report.canvas import Canvas, Extent, Frame
from cipa.report.pet_style import (
    EDGE,
    INK,
    LUNG_WINDOW,
    OUTLINE,
    QUIET,
    SOFT_TISSUE_WINDOW,
    SUV_TOP,
    ct_picture,
    fused_picture,
    outlines,
    pet_picture,
    scale_bar,
    sides,
)
from cipa.report.positions import slice_name

SMALLEST_VIEW_MM = 90.0
"""Side of the view, if the lesion does not need more."""

ROOM = 2.0
"""Side of the view over the lesion's own extent."""

CELL, GAP, TOP = 2.1, 0.05, 0.5
"""Inches of an image, between images, and of the lines above."""

DPI = 130

LUNG, SOFT, PET, FUSED = "lung", "soft", "pet", "fused"
"""Columns."""

BARS_MM = (10.0, 20.0, 50.0)


def save_lesion_panel(path: str | os.PathLike[str], prediction: Prediction, lesion: Lesion) -> None:
    """Write CT in two windows, PET, and both fused around a lesion, on the axial slice where it is largest.

    Args:
        path: name of the PNG.
        prediction: the study.
        lesion: one of its lesions; others in view are outlined in a thin line.

    Raises:
        OSError: the file cannot be written; nothing is left under its name.
    """
    index = _largest_slice(prediction, lesion)
    labels, hu = (prediction.axial(array)[index] for array in (prediction.labels, prediction.ct.array))
    suv = prediction.axial_pet(slice(index, index + 1))[0]
    box, extent = _view(labels == lesion.number, prediction)
    titles = _titles(prediction.inputs)
    canvas = Canvas(len(titles) * (CELL + GAP) - GAP, CELL + TOP, DPI)
    cell, top = canvas.pixels(CELL), canvas.pixels(TOP)
    for place, (column, title) in enumerate(titles):
        left = canvas.pixels(place * (CELL + GAP))
        frame = _frame_within(left, top, cell, extent)
        canvas.show(_picture(column, hu[box], suv[box], frame.size), frame.left, frame.top)
        _outline(canvas, frame, labels[box], lesion.number)
        _finish(canvas, frame, INK if column == PET else "white")
        canvas.words((left + canvas.points(3), top - canvas.points(8)), title, 8, QUIET)
    title = _title(lesion, slice_name(prediction, index), prediction.inputs)
    canvas.words((canvas.points(3), canvas.points(10.5)), title, 9.5, INK, bold=True)
    canvas.save(path)


def _largest_slice(prediction: Prediction, lesion: Lesion) -> int:
    """Return the axial slice with most voxels of a lesion, the first of several."""
    box = prediction.boxes[lesion.number - 1]
    inside = prediction.axial(prediction.labels)[box] == lesion.number
    return lesion.slices[0] + int(np.argmax(np.count_nonzero(inside, axis=(1, 2))))


def _titles(inputs: str) -> list[tuple[str, str]]:
    """Return the columns that can be drawn from what was given, and their titles."""
    of_ct = [
        (LUNG, f"CT, lung window, {_words(LUNG_WINDOW)}"),
        (SOFT, f"CT, soft tissue, {_words(SOFT_TISSUE_WINDOW)}"),
    ]
    of_pet = [(PET, f"PET, SUV 0 to {SUV_TOP:g}")]
    if inputs == BOTH:
        return [*of_ct, *of_pet, (FUSED, "PET on CT")]
    return of_ct if inputs == "ct" else of_pet


def _words(window: tuple[float, float]) -> str:
    """Return a window as workstations write it: width and level, HU."""
    low, high = window
    return f"W {high - low:g} L {(high + low) / 2:g}"


def _title(lesion: Lesion, where: str, inputs: str) -> str:
    if inputs != BOTH:  # one image is too narrow for more, which the table has
        return f"Lesion {lesion.number}  {lesion.volume_ml:.2f} mL"
    return (
        f"Lesion {lesion.number}    {lesion.volume_ml:.2f} mL    SUVmax {lesion.suv_max:.1f}    "
        f"SUVpeak {lesion.suv_peak:.1f}    axial {where}"
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


def _frame_within(left: int, top: int, cell: int, extent: Extent) -> Frame:
    """Return where a view lies in a square cell: all of it, or its middle where the view is not square."""
    wide, high = extent[1] - extent[0], extent[2] - extent[3]
    width, height = (round(cell * length / max(wide, high)) for length in (wide, high))
    return Frame(left + (cell - width) // 2, top + (cell - height) // 2, width, height, extent)


def _picture(column: str, hu: NDArray[Any], suv: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    if column == PET:
        return pet_picture(suv, size)
    if column == FUSED:
        return fused_picture(hu, suv, size)
    return ct_picture(hu, size, LUNG_WINDOW if column == LUNG else SOFT_TISSUE_WINDOW)


def _outline(canvas: Canvas, frame: Frame, labels: NDArray[Any], number: int) -> None:
    others = (labels > 0) & (labels != number)
    canvas.dotted_lines(outlines(others, frame.extent, frame), OUTLINE, 0.7, frame)
    canvas.lines(outlines(labels == number, frame.extent, frame), OUTLINE, 1.4, frame)


def _finish(canvas: Canvas, frame: Frame, colour: str) -> None:
    """Say where left and right are, and how long a centimetre is."""
    sides(canvas, frame, "R L A P", colour)
    side = frame.extent[1] - frame.extent[0]
    scale_bar(canvas, frame, max(bar for bar in BARS_MM if bar == BARS_MM[0] or bar <= side / 4), colour)
    canvas.frame(frame.box, EDGE)
