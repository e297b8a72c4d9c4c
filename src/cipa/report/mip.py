"""Maximum intensity projections of PET, coronal and sagittal, with every lesion outlined and numbered."""

import os
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from cipa.inference.result import Prediction
from cipa.io.orientation import spacing
from cipa.report.figure_file import save_figure
from cipa.report.pet_style import INK, OUTLINE, QUIET, SUV_TOP, Extent, outline, scale_bar, show_pet, sides

WIDEST, HIGHEST = 9.2, 8.4
"""Inches that the two projections side by side may take."""

GAP, TOP, BOTTOM, SCALE = 0.15, 0.36, 0.28, 0.6
"""Inches between and around the projections; SCALE at the right is for the grey scale."""

DPI = 150
BODY_SUV, BODY_MARGIN_MM = 0.25, 12.0
FONT = 8.0
MANY = 20
"""With more lesions than this outlines are thinner and numbers smaller."""


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
    projections = [_project(prediction, view) for view in VIEWS]
    widths = [image.extent[1] - image.extent[0] for image in projections]
    height = projections[0].extent[3] - projections[0].extent[2]
    inch = min((WIDEST - GAP) / sum(widths), HIGHEST / height)
    size = sum(widths) * inch + GAP + SCALE, height * inch + TOP + BOTTOM
    figure = Figure(figsize=size, facecolor="white")
    left = 0.0
    for view, image, wide in zip(VIEWS, projections, widths, strict=True):
        place = (left / size[0], BOTTOM / size[1], wide * inch / size[0], height * inch / size[1])
        _draw(figure.add_axes(place), view, image, 1 / (72 * inch))
        left += wide * inch + GAP
    _grey_scale(figure, left, size)
    figure.text(0.05 / size[0], 1 - 0.12 / size[1], heading, fontsize=10, va="top", color=INK, weight="bold")
    note = f"Maximum intensity projection of PET, SUV (body weight) 0 white to {SUV_TOP:g} black"
    figure.text(0.05 / size[0], 0.09 / size[1], note, fontsize=7.5, va="bottom", color=QUIET)
    save_figure(path, figure, DPI)


@dataclass(frozen=True)
class _Image:
    suv: NDArray[np.float32]
    outlines: dict[int, tuple[NDArray[np.bool_], Extent]]
    extent: Extent


def _project(prediction: Prediction, view: View) -> _Image:
    """Project PET and lesions along an axis; crop what is left and right of the body."""
    suv = prediction.axial(prediction.pet_on_ct).max(axis=view.axis)
    steps = np.delete(spacing(prediction.axial_affine), view.axis)
    first, last = _body(suv, BODY_MARGIN_MM / steps[1])
    high = suv.shape[0] * steps[0]
    outlines = {}
    names = prediction.axial(prediction.labels)
    for number, box in enumerate(prediction.boxes, start=1):
        if box is not None:
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


def _draw(axes: Axes, view: View, image: _Image, point: float) -> None:
    """Draw a projection; `point` is a point, a 72nd of an inch, in mm of the patient."""
    show_pet(axes, image.suv, image.extent)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color="#c8ccd0", linewidth=0.8)
    many = len(image.outlines) > MANY
    for shadow, place in image.outlines.values():
        outline(axes, shadow, place, linewidths=0.7 if many else 1.1)
    axes.set_xlim(image.extent[:2])
    axes.set_ylim(image.extent[2:])
    _number(axes, image, FONT - 2 if many else FONT, point)
    sides(axes, view.words, INK)
    scale_bar(axes, 50.0, INK)
    axes.text(0.015, 0.985, view.title, transform=axes.transAxes, fontsize=8.5, color=INK, va="top")


def _number(axes: Axes, image: _Image, size: float, point: float) -> None:
    """Write each lesion's number beside it, where no other number stands, with a line to the lesion."""
    free = _Places(image.extent, 1.5 * size * point, 1.25 * size * point)
    halo = [withStroke(linewidth=2.2, foreground="white")]
    for number, (_, (left, right, bottom, top)) in image.outlines.items():
        target = (left + right) / 2, (bottom + top) / 2
        spot = free.take(target, (right - left) / 2, (top - bottom) / 2)
        edge = min(max(spot[0], left), right), min(max(spot[1], bottom), top)
        axes.annotate(
            str(number),
            edge,
            spot,
            fontsize=size,
            color=OUTLINE,
            weight="bold",
            ha="center",
            va="center",
            path_effects=halo,
            arrowprops={"arrowstyle": "-", "color": OUTLINE, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0},
        )


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
        return inside and all(
            abs(x - other[0]) > self.wide or abs(y - other[1]) > self.high for other in self.taken
        )


def _grey_scale(figure: Figure, left: float, size: tuple[float, float]) -> None:
    high = min(2.2, 0.6 * (size[1] - TOP - BOTTOM))
    middle = BOTTOM + (size[1] - TOP - BOTTOM) / 2
    axes = figure.add_axes(
        ((left + 0.08) / size[0], (middle - high / 2) / size[1], 0.14 / size[0], high / size[1])
    )
    ramp = np.linspace(SUV_TOP, 0, 256)[:, None]
    axes.imshow(ramp, cmap="gray_r", vmin=0, vmax=SUV_TOP, aspect="auto", extent=(0, 1, 0, SUV_TOP))
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.tick_params(labelsize=7.5, length=2, colors=INK)
    axes.set_title("SUV", fontsize=8, color=INK, pad=4)
