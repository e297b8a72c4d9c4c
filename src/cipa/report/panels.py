"""Slices as a radiologist looks at them: CT, PET, and both once more with the outlines, enlarged.

CT is grey as the network sees it; PET is inverted grey, uptake dark, as nuclear medicine shows it. Truth is
a broad green line and prediction a thin magenta one over it: told apart with any colour vision, and the one
does not hide the other.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from cipa.report.figure_file import save_figure

TRUTH, PREDICTION = "#2fd67a", "#ff3dd1"
TRUTH_WIDTH, PREDICTION_WIDTH = 2.0, 1.1
BACKGROUND, TEXT, QUIET, FRAME = "#101214", "#f2f2f2", "#9aa0a6", "#e0a030"

PET_TOP = 89
"""8-bit value shown black in PET: SUV 7 where 255 is SUV 20, a usual window for FDG."""

CELL_INCHES = 2.7
ROW_HEADER_INCHES = 0.34
MARGIN_INCHES = 0.12
TOP_INCHES = 0.66
DPI = 120

SMALLEST_VIEW = 0.17
"""Side of the enlarged square, as a part of the slice, where the outlines need less."""

Panel = Mapping[str, Any]
"""One row: title, ct, pet, and optionally truth, prediction, note."""


def save_panel(path: str | os.PathLike[str], rows: Sequence[Panel], heading: str = "") -> None:
    """Write a PNG grid, one row a slice.

    Columns are CT and PET whole but for black padding, with the enlarged square marked, then CT and PET of
    that square with the outlines of truth and prediction. If no row has a mask, there are no enlarged
    columns.

    Args:
        path: name of the PNG.
        rows: each a mapping of `title` (str), `ct` and `pet` (uint8 (H, W)), and optionally `truth` and
            `prediction` (masks (H, W), what is not 0 is tumour, or None) and `note` (str, set at the right).
        heading: a line above the grid.

    Raises:
        ValueError: no rows, or an image that is not (H, W) like its row's CT.
        OSError: the file cannot be written; nothing is left under its name.
    """
    if not rows:
        raise ValueError("a panel needs at least one row")
    for row in rows:
        _check_shapes(row)
    outlined = any(_masks(row) for row in rows)
    grid = _Grid(len(rows), 4 if outlined else 2)
    for number, row in enumerate(rows):
        _draw_row(grid, number, row, outlined)
    _draw_heading(grid, heading, rows)
    save_figure(path, grid.figure, DPI)


class _Grid:
    """A figure of square cells, in inches from its top left corner."""

    def __init__(self, rows: int, columns: int) -> None:
        self.columns = columns
        self.width = columns * (CELL_INCHES + MARGIN_INCHES) + MARGIN_INCHES
        self.row_height = ROW_HEADER_INCHES + CELL_INCHES + MARGIN_INCHES
        self.height = TOP_INCHES + rows * self.row_height + MARGIN_INCHES
        self.figure = Figure(figsize=(self.width, self.height), facecolor=BACKGROUND)

    def left_of(self, column: int) -> float:
        return MARGIN_INCHES + column * (CELL_INCHES + MARGIN_INCHES)

    def top_of(self, row: int) -> float:
        return TOP_INCHES + row * self.row_height

    def cell(self, row: int, column: int) -> Axes:
        bottom = self.height - self.top_of(row) - ROW_HEADER_INCHES - CELL_INCHES
        sides = self.left_of(column) / self.width, bottom / self.height
        axes = self.figure.add_axes((*sides, CELL_INCHES / self.width, CELL_INCHES / self.height))
        axes.set_axis_off()
        return axes

    def text(self, left: float, top: float, words: str, **style: Any) -> None:
        style = dict[str, Any](color=TEXT, fontsize=9.5, va="center") | style
        self.figure.text(left / self.width, 1 - top / self.height, words, **style)


def _draw_row(grid: _Grid, number: int, row: Panel, outlined: bool) -> None:
    middle = grid.top_of(number) + ROW_HEADER_INCHES / 2
    grid.text(grid.left_of(0), middle, row["title"], weight="bold")
    grid.text(grid.width - MARGIN_INCHES, middle, row.get("note") or "", color=QUIET, ha="right")
    whole = _filled(row)
    view = _view(row)
    for column, name in enumerate(("ct", "pet", "ct", "pet")[: grid.columns]):
        axes = grid.cell(number, column)
        _show(axes, row[name], name, whole if column < 2 else view)
        if column < 2 and outlined and view != whole:
            axes.add_patch(_frame(view))
        if column >= 2:
            _outline(axes, row.get("truth"), TRUTH, TRUTH_WIDTH)
            _outline(axes, row.get("prediction"), PREDICTION, PREDICTION_WIDTH)


def _draw_heading(grid: _Grid, heading: str, rows: Sequence[Panel]) -> None:
    grid.text(grid.left_of(0), 0.22, heading, fontsize=12)
    for column, name in enumerate(("CT", "PET", "CT, enlarged", "PET, enlarged")[: grid.columns]):
        centre = grid.left_of(column) + CELL_INCHES / 2
        grid.text(centre, TOP_INCHES - 0.14, name, color=QUIET, ha="center")
    names = (("truth", TRUTH, TRUTH_WIDTH), ("prediction", PREDICTION, PREDICTION_WIDTH))
    lines = [
        Line2D([], [], color=color, linewidth=width, label=name)
        for name, color, width in names
        if any(row.get(name) is not None for row in rows)
    ]
    if lines:
        corner = (1 - MARGIN_INCHES / grid.width, 1 - 0.22 / grid.height)
        style = {"labelcolor": TEXT, "frameon": False, "fontsize": 9.5, "borderpad": 0, "borderaxespad": 0}
        grid.figure.legend(handles=lines, loc="center right", bbox_to_anchor=corner, ncols=2, **style)


def _show(axes: Axes, image: np.ndarray, kind: str, view: tuple[int, int, int]) -> None:
    colours, top = ("gray", 255) if kind == "ct" else ("gray_r", PET_TOP)
    axes.imshow(image, cmap=colours, vmin=0, vmax=top, interpolation="bilinear")
    row, column, side = view
    axes.set_xlim(column - 0.5, column + side - 0.5)
    axes.set_ylim(row + side - 0.5, row - 0.5)


def _frame(view: tuple[int, int, int]) -> Rectangle:
    row, column, side = view
    return Rectangle((column - 0.5, row - 0.5), side, side, fill=False, edgecolor=FRAME, linewidth=0.8)


def _outline(axes: Axes, mask: np.ndarray | None, colour: str, width: float) -> None:
    if mask is None or not mask.any():
        return
    inside = np.pad(mask.astype(bool), 1).astype(np.float32)  # so that a mask at the edge is closed there
    rows, columns = (np.arange(-1, length + 1) for length in mask.shape)
    axes.contour(columns, rows, inside, levels=[0.5], colors=[colour], linewidths=width)


def _filled(row: Panel) -> tuple[int, int, int]:
    """Return row, column and side of the square without padding, which is what is 0 in CT and PET alike."""
    filled = np.logical_or.reduce([np.asarray(image) > 0 for image in (row["ct"], row["pet"], *_masks(row))])
    height, width = filled.shape
    if not filled.any():
        return 0, 0, max(height, width)
    rows, columns = np.flatnonzero(filled.any(axis=1)), np.flatnonzero(filled.any(axis=0))
    side = int(max(np.ptp(rows), np.ptp(columns))) + 1
    top, left = (
        _placed(int(places[0] + places[-1] + 1) // 2, side, length)
        for places, length in ((rows, height), (columns, width))
    )
    return top, left, side


def _view(row: Panel) -> tuple[int, int, int]:
    """Return row, column and side of a square about every outlined pixel, inside the slice where it fits."""
    height, width = row["ct"].shape
    masks = [mask.astype(bool) for mask in _masks(row) if mask.any()]
    if not masks:
        return 0, 0, max(height, width)
    rows, columns = np.nonzero(np.logical_or.reduce(masks))
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    side = min(max(2 * int(extent), round(SMALLEST_VIEW * max(height, width))), max(height, width))
    top = _placed(int(rows.min() + rows.max()) // 2, side, height)
    left = _placed(int(columns.min() + columns.max()) // 2, side, width)
    return top, left, side


def _placed(centre: int, side: int, length: int) -> int:
    return max(0, min(centre - side // 2, length - side))


def _masks(row: Panel) -> list[np.ndarray]:
    return [row[name] for name in ("truth", "prediction") if row.get(name) is not None]


def _check_shapes(row: Panel) -> None:
    shape = row["ct"].shape
    images = [row["pet"], *_masks(row)]
    if len(shape) != 2 or any(image.shape != shape for image in images):
        shapes = ", ".join(str(image.shape) for image in (row["ct"], *images))
        raise ValueError(f"{row['title']}: images of shapes {shapes}, expected one shape (H, W)")
