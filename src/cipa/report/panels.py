"""Slices as a radiologist looks at them: CT, PET, and both once more with the outlines, enlarged.

CT is grey as the network sees it; PET is inverted grey, uptake dark, as nuclear medicine shows it. Truth is
a broad green line and prediction a thin magenta one over it: told apart with any colour vision, and the one
does not hide the other.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from cipa.report.canvas import Canvas, Frame
from cipa.report.pet_style import outlines

TRUTH, PREDICTION = "#2fd67a", "#ff3dd1"
TRUTH_WIDTH, PREDICTION_WIDTH = 2.0, 1.1
BACKGROUND, TEXT, QUIET, FRAME = "#101214", "#f2f2f2", "#9aa0a6", "#e0a030"

PET_TOP = 89
"""8-bit value shown black in PET: SUV 7 where 255 is SUV 20, a usual window for FDG."""

CELL, ROW_HEAD, MARGIN, TOP = 2.7, 0.34, 0.12, 0.66
"""Inches of an image, of the line above a row, between cells, and above the first row."""

DPI = 120
SIZE = 9.5
"""Points of the type."""

SMALLEST_VIEW = 0.17
"""Side of the enlarged square, as a part of the slice, where the outlines need less."""

Panel = Mapping[str, Any]
"""One row: title, ct, pet, and optionally truth, prediction, note."""

View = tuple[int, int, int]
"""Row, column and side of a square of a slice, in its pixels."""


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
    columns = 4 if any(_masks(row) for row in rows) else 2
    width = columns * (CELL + MARGIN) + MARGIN
    height = TOP + len(rows) * (ROW_HEAD + CELL + MARGIN) + MARGIN
    canvas = Canvas(width, height, DPI, BACKGROUND)
    _draw_heading(canvas, heading, rows, columns, width)
    for number, row in enumerate(rows):
        _draw_row(canvas, TOP + number * (ROW_HEAD + CELL + MARGIN), row, columns, width)
    canvas.save(path)


def _draw_row(canvas: Canvas, top: float, row: Panel, columns: int, width: float) -> None:
    """Draw a row of cells, its line of words at `top` inches."""
    level = canvas.pixels(top + ROW_HEAD / 2)
    canvas.words((canvas.pixels(MARGIN), level), row["title"], SIZE, TEXT, bold=True)
    canvas.words((canvas.pixels(width - MARGIN), level), row.get("note") or "", SIZE, QUIET, "rm")
    whole, view = _fill(row), _view(row)
    for column, name in enumerate(("ct", "pet", "ct", "pet")[:columns]):
        frame = _frame(canvas, column, top + ROW_HEAD, whole if column < 2 else view)
        _show(canvas, frame, row[name], name)
        if column < 2 and columns == 4 and view != whole:
            canvas.lines([_square(frame, view)], FRAME, 0.8, frame)
        if column >= 2:
            _outline(canvas, frame, row.get("truth"), TRUTH, TRUTH_WIDTH)
            _outline(canvas, frame, row.get("prediction"), PREDICTION, PREDICTION_WIDTH)


def _draw_heading(canvas: Canvas, heading: str, rows: Sequence[Panel], columns: int, width: float) -> None:
    """Write heading and names of the columns, and which line is what at the right."""
    canvas.words((canvas.pixels(MARGIN), canvas.pixels(0.22)), heading, 12, TEXT)
    for column, name in enumerate(("CT", "PET", "CT, enlarged", "PET, enlarged")[:columns]):
        centre = MARGIN + column * (CELL + MARGIN) + CELL / 2
        canvas.words((canvas.pixels(centre), canvas.pixels(TOP - 0.14)), name, SIZE, QUIET, "mm")
    right, level = canvas.pixels(width - MARGIN), canvas.pixels(0.22)
    for name, colour, line in (
        ("prediction", PREDICTION, PREDICTION_WIDTH),
        ("truth", TRUTH, TRUTH_WIDTH),
    ):
        if any(row.get(name) is not None for row in rows):
            canvas.words((right, level), name, SIZE, TEXT, "rm")
            end = right - canvas.points(0.62 * SIZE * len(name) + 4)
            begin = end - canvas.points(18)
            canvas.lines([np.array([[begin, level], [end, level]])], colour, line)
            right = round(begin - canvas.points(14))


def _frame(canvas: Canvas, column: int, top: float, view: View) -> Frame:
    """Return where a cell lies, and which pixels of the slice it shows."""
    row, left, side = view
    place = canvas.pixels(MARGIN + column * (CELL + MARGIN)), canvas.pixels(top)
    size = canvas.pixels(CELL)
    return Frame(*place, size, size, (left, left + side, row + side, row))


def _show(canvas: Canvas, frame: Frame, image: np.ndarray, kind: str) -> None:
    """Draw what a frame shows of a slice: CT grey, PET inverted; what is beyond the slice stays empty."""
    left, right, bottom, top = map(int, frame.extent)
    part = np.asarray(image)[top:bottom, left:right]
    grey = part if kind == "ct" else 255 - np.clip(part.astype(np.float32) * 255 / PET_TOP, 0, 255)
    high, wide = (max(1, round(frame.width * length / (right - left))) for length in part.shape)
    shown = Image.fromarray(np.asarray(grey, np.uint8)).resize((wide, high), Image.Resampling.BILINEAR)
    canvas.show(np.asarray(shown), frame.left, frame.top)


def _square(frame: Frame, view: View) -> np.ndarray:
    row, column, side = view
    corners = [(column, row), (column + side, row), (column + side, row + side), (column, row + side)]
    return np.array([frame.place(x, y) for x, y in (*corners, *corners[:2])])


def _outline(canvas: Canvas, frame: Frame, mask: np.ndarray | None, colour: str, width: float) -> None:
    if mask is not None:
        high, wide = mask.shape
        canvas.lines(outlines(mask, (0, wide, high, 0), frame), colour, width, frame)


def _fill(row: Panel) -> tuple[int, int, int]:
    """Return row, column and side of the square without padding, which is what is 0 in CT and PET alike."""
    filled = np.logical_or.reduce([np.asarray(image) > 0 for image in (row["ct"], row["pet"], *_masks(row))])
    height, width = filled.shape
    if not filled.any():
        return 0, 0, max(height, width)
    rows, columns = np.flatnonzero(filled.any(axis=1)), np.flatnonzero(filled.any(axis=0))
    side = int(max(np.ptp(rows), np.ptp(columns))) + 1
    top, left = (
        _place(int(places[0] + places[-1] + 1) // 2, side, length)
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
    top = _place(int(rows.min() + rows.max()) // 2, side, height)
    left = _place(int(columns.min() + columns.max()) // 2, side, width)
    return top, left, side


def _place(centre: int, side: int, length: int) -> int:
    return max(0, min(centre - side // 2, length - side))


def _masks(row: Panel) -> list[np.ndarray]:
    return [row[name] for name in ("truth", "prediction") if row.get(name) is not None]


def _check_shapes(row: Panel) -> None:
    shape = row["ct"].shape
    images = [row["pet"], *_masks(row)]
    if len(shape) != 2 or any(image.shape != shape for image in images):
        shapes = ", ".join(str(image.shape) for image in (row["ct"], *images))
        raise ValueError(f"{row['title']}: images of shapes {shapes}, expected one shape (H, W)")
