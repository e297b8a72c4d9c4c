"""Maximum intensity projections of PET, coronal and sagittal, with every lesion outlined and numbered."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cipa.inference.result import Prediction
from cipa.io.orientation import spacing
from cipa.parallel import processors
from cipa.report.canvas import Canvas, Extent, Frame
from cipa.report.pet_style import (
    EDGE,
    INK,
    OUTLINE,
    QUIET,
    SUV_TOP,
    outlines,
    pet_picture,
    scale_bar,
    sides,
)

WIDEST, HIGHEST = 9.2, 8.4
"""Inches that the two projections side by side may take."""

GAP, TOP, BOTTOM, SCALE = 0.15, 0.36, 0.28, 0.6
"""Inches between and around the projections; SCALE at the right is for the grey scale."""

DPI = 150
BODY_SUV, BODY_MARGIN_MM = 0.25, 12.0
FONT = 8.0
MANY = 20
"""With more lesions than this outlines are thinner and numbers smaller."""

SLAB = 8
"""Slices projected at a time."""


@dataclass(frozen=True)
class View:
    """One projection.

    Attributes:
        title: its name.
        axis: the axis of the axial stack (slice, row, column) that is projected away.
        words: sides of the patient at the left, right, top and bottom.
    """

    title: str
    axis: int
    words: str


VIEWS = (View("Coronal", 1, "R L H F"), View("Sagittal", 2, "A P H F"))


def save_mip(path: str | os.PathLike[str], prediction: Prediction, heading: str = "") -> None:
    """Write the two projections as a PNG, in millimetres, inverted grey from SUV 0 to `SUV_TOP`.

    Args:
        path: name of the PNG.
        prediction: the study; PET is projected at the CT's voxels.
        heading: a line above.

    Raises:
        OSError: the file cannot be written; nothing is left under its name.
    """
    projections = _project(prediction)
    widths = [image.extent[1] - image.extent[0] for image in projections]
    height = projections[0].extent[3] - projections[0].extent[2]
    inch = min((WIDEST - GAP) / sum(widths), HIGHEST / height)
    canvas = Canvas(sum(widths) * inch + GAP + SCALE, height * inch + TOP + BOTTOM, DPI)
    left = 0.0
    for view, image, wide in zip(VIEWS, projections, widths, strict=True):
        size = canvas.pixels(wide * inch), canvas.pixels(height * inch)
        _draw(canvas, view, image, Frame(canvas.pixels(left), canvas.pixels(TOP), *size, image.extent))
        left += wide * inch + GAP
    _grey_scale(canvas, left, TOP + height * inch / 2, min(2.2, 0.6 * height * inch))
    margin = canvas.pixels(0.05)
    canvas.words((margin, canvas.pixels(0.17)), heading, 10, INK, bold=True)
    note = f"Maximum intensity projection of PET, SUV (body weight) 0 white to {SUV_TOP:g} black"
    canvas.words((margin, canvas.image.height - canvas.pixels(0.14)), note, 7.5, QUIET)
    canvas.save(path)


@dataclass(frozen=True)
class _Image:
    suv: NDArray[np.float32]
    outlines: dict[int, tuple[NDArray[np.bool_], Extent]]
    extent: Extent


def _project(prediction: Prediction) -> list[_Image]:
    """Project PET and lesions along the axis of each view."""
    highest = _highest(prediction, [view.axis for view in VIEWS])
    return [_with_lesions(prediction, view, suv) for view, suv in zip(VIEWS, highest, strict=True)]


def _with_lesions(prediction: Prediction, view: View, suv: NDArray[np.float32]) -> _Image:
    """Project lesions along an axis as PET was; crop what is left and right of the body."""
    steps = np.delete(spacing(prediction.axial_affine), view.axis)
    first, last = _body(suv, BODY_MARGIN_MM / steps[1])
    high = suv.shape[0] * steps[0]
    outlines = {}
    names = prediction.axial(prediction.labels)
    for number, box in enumerate(prediction.boxes, start=1):
        shadow = (names[box] == number).any(axis=view.axis)
        rows, columns = (side for axis, side in enumerate(box) if axis != view.axis)
        place = (
            columns.start * steps[1],
            columns.stop * steps[1],
            rows.start * steps[0],
            rows.stop * steps[0],
        )
        outlines[number] = shadow[::-1], place
    return _Image(suv[::-1, first:last], outlines, (first * steps[1], last * steps[1], 0.0, high))


def _body(suv: NDArray[np.float32], margin: float) -> tuple[int, int]:
    """Return the first column and the one after the last that show uptake, with a margin."""
    there = np.flatnonzero((suv > BODY_SUV).mean(axis=0) > 0.02)
    if not len(there):
        return 0, suv.shape[1]
    return max(0, int(there[0] - margin)), min(suv.shape[1], int(there[-1] + margin) + 2)


def _highest(prediction: Prediction, axes: Sequence[int]) -> list[NDArray[np.float32]]:
    """Return PET's highest value along the rows or columns of every slice, for each of the axes.

    PET is interpolated at the CT's voxels a few slices at a time; numpy frees Python's lock.
    """
    count = len(prediction.axial(prediction.mask))
    runs = [slice(first, min(first + SLAB, count)) for first in range(0, count, SLAB)]

    def highest(run: slice) -> list[NDArray[np.float32]]:
        """Return one slab's maximum along each axis."""
        suv = prediction.axial_pet(run)
        return [suv.max(axis=axis) for axis in axes]

    with ThreadPoolExecutor(processors()) as pool:
        return [np.concatenate(parts) for parts in zip(*pool.map(highest, runs), strict=True)]


def _draw(canvas: Canvas, view: View, image: _Image, frame: Frame) -> None:
    """Draw a projection in its frame."""
    canvas.show(pet_picture(image.suv, frame.size), frame.left, frame.top)
    many = len(image.outlines) > MANY
    lines = [line for shadow, place in image.outlines.values() for line in outlines(shadow, place, frame)]
    canvas.lines(lines, OUTLINE, 0.7 if many else 1.1, frame)
    _number(canvas, image, frame, FONT - 2 if many else FONT)
    sides(canvas, frame, view.words, INK)
    scale_bar(canvas, frame, 50.0, INK)
    canvas.words(frame.part(0.015, 0.015), view.title, 8.5, INK, "la")
    canvas.frame(frame.box, EDGE)


def _number(canvas: Canvas, image: _Image, frame: Frame, size: float) -> None:
    """Write each lesion's number beside it, where no other number stands, with a line to the lesion."""
    point = canvas.points(1) / frame.pixels_per_mm  # in mm of the patient
    free = _Places(image.extent, 1.5 * size * point, 1.25 * size * point)
    spots, lines = {}, []
    for number, (_, (left, right, bottom, top)) in image.outlines.items():
        target = (left + right) / 2, (bottom + top) / 2
        spot = free.take(target, (right - left) / 2, (top - bottom) / 2)
        edge = min(max(spot[0], left), right), min(max(spot[1], bottom), top)
        spots[number] = frame.place(*spot)
        lines.append(np.array([frame.place(*edge), spots[number]]))
    canvas.lines(lines, OUTLINE, 0.5, frame)
    for number, spot in spots.items():
        canvas.words(spot, str(number), size, OUTLINE, "mm", bold=True, halo=(1.1, "white"))


class _Places:
    """Hands out places for numbers in an image, each `wide` x `high` mm, none over another."""

    def __init__(self, extent: Extent, wide: float, high: float) -> None:
        self.extent, self.wide, self.high = extent, wide, high
        self.taken: list[tuple[float, float]] = []

    def take(self, target: tuple[float, float], half_width: float, half_height: float) -> tuple[float, float]:
        """Return the free place nearest to the outside of a box about `target`."""
        for ring in np.arange(0.9, 12.0, 0.6):
            for angle in np.radians([35, 145, -35, -145, 0, 180, 90, -90, 65, 115, -65, -115]):
                x = target[0] + np.cos(angle) * (half_width + ring * self.wide)
                y = target[1] + np.sin(angle) * (half_height + ring * self.high)
                if self._is_free(x, y):
                    self.taken.append((x, y))
                    return x, y
        return target

    def _is_free(self, x: float, y: float) -> bool:
        left, right, bottom, top = self.extent
        inside = left + self.wide < x < right - self.wide and bottom + self.high < y < top - self.high
        return bool(inside) and all(
            abs(x - other[0]) > self.wide or abs(y - other[1]) > self.high for other in self.taken
        )


def _grey_scale(canvas: Canvas, left: float, middle: float, high: float) -> None:
    """Draw what SUV is which grey; place and height are inches."""
    first, last = canvas.pixels(left + 0.08), canvas.pixels(left + 0.22)
    top, bottom = canvas.pixels(middle - high / 2), canvas.pixels(middle + high / 2)
    ramp = np.linspace(SUV_TOP, 0, bottom - top)[:, None].repeat(last - first, 1)
    canvas.show(pet_picture(ramp, ramp.shape[::-1]), first, top)
    canvas.frame((first, top, last, bottom), INK)
    for suv in range(int(SUV_TOP) + 1):
        level = bottom - 0.5 - (bottom - top - 1) * suv / SUV_TOP
        canvas.lines([np.array([[last, level], [last + canvas.points(2), level]])], INK, 0.6)
        canvas.words((last + canvas.points(4.5), level), str(suv), 7.5, INK)
    canvas.words(((first + last) / 2, top - canvas.points(4)), "SUV", 8, INK, "md")
