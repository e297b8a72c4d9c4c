"""A picture drawn by Pillow: images, smooth lines and words at sizes in points, whatever its resolution.

A figure of matplotlib takes ten times as long: 0.11 s for three images with a few words on each.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cipa.files import atomic_file

Extent = tuple[float, float, float, float]
"""Left, right, bottom and top of an image in millimetres."""

Line = NDArray[np.floating[Any]]
"""(N, 2), x and y of the corners of a line in pixels, (0, 0) at the top left corner of the picture."""

FINE = 4
"""Lines are drawn so many times larger and averaged, which makes their edges smooth."""

DOT, GAP = 1.0, 1.65
"""Length of dots and of the gaps between them, in line widths."""

COMPRESSION = 2
"""Of zlib's levels 1 to 9: a third of the time of 6, the usual one, for files a quarter larger."""


@dataclass(frozen=True)
class Frame:
    """A rectangle of a picture that shows a part of the patient.

    Attributes:
        left: pixels.
        top: pixels.
        width: pixels.
        height: pixels.
        extent: of what is shown, in millimetres.
    """

    left: int
    top: int
    width: int
    height: int
    extent: Extent

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in pixels."""
        return self.left, self.top, self.left + self.width, self.top + self.height

    @property
    def pixels_per_mm(self) -> float:
        """Pixels that a millimetre takes up."""
        return self.width / abs(self.extent[1] - self.extent[0])

    def place(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return the pixels of places in millimetres."""
        left, right, bottom, top = self.extent
        return (
            self.left + self.width * (x - left) / (right - left),
            self.top + self.height * (y - top) / (bottom - top),
        )

    def part(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel at a fraction of the width and, from the top, of the height."""
        return self.left + x * self.width, self.top + y * self.height


class Canvas:
    """A picture, white by default. Lengths of type and lines are points, 1/72 inch; places are pixels.

    Attributes:
        dpi: pixels an inch.
        image: the picture, RGB.
    """

    def __init__(self, width: float, height: float, dpi: int, background: str = "white") -> None:
        """Begin a picture of so many inches."""
        self.dpi = dpi
        self.image = Image.new("RGB", (self.pixels(width), self.pixels(height)), background)
        self._pen = ImageDraw.Draw(self.image)

    def pixels(self, inches: float) -> int:
        """Return the whole pixels of a length in inches."""
        return round(inches * self.dpi)

    def points(self, points: float) -> float:
        """Return the pixels of a length in points."""
        return points * self.dpi / 72

    def show(self, picture: NDArray[np.uint8], left: int, top: int) -> None:
        """Put a picture (H, W) or (H, W, 3) with its top left corner at a pixel."""
        self.image.paste(Image.fromarray(picture), (left, top))

    def frame(self, box: tuple[int, int, int, int], colour: str) -> None:
        """Draw the edge of a rectangle, a pixel wide, within it."""
        left, top, right, bottom = box
        self._pen.rectangle((left, top, right - 1, bottom - 1), outline=colour)

    def words(
        self,
        place: tuple[float, float],
        words: str,
        size: float,
        colour: str,
        anchor: str = "lm",
        bold: bool = False,
        halo: tuple[float, str] | None = None,
    ) -> None:
        """Write a line of words.

        Args:
            place: pixels.
            words: the line.
            size: of the type, points.
            colour: of the type.
            anchor: what of the line is at `place`, as Pillow names it: `l`, `m` or `r`, then `a` (ascender),
                `m` or `d` (descender).
            bold: in bold type.
            halo: points about every letter, and their colour.
        """
        style: dict[str, Any] = {}
        if halo is not None:
            style = {"stroke_width": max(1, round(self.points(halo[0]))), "stroke_fill": halo[1]}
        where = round(place[0]), round(place[1])
        self._pen.text(where, words, colour, _font(self.points(size), bold), anchor, **style)

    def lines(self, lines: Iterable[Line], colour: str, width: float, frame: Frame | None = None) -> None:
        """Draw lines, smooth, joined round.

        Args:
            lines: each by its corners.
            colour: of all of them.
            width: points.
            frame: where to cut them off; the picture's border by default.
        """
        lines = [line for line in lines if len(line) > 1]
        wide = self.points(width)
        box = _box_of(lines, wide, (0, 0, *self.image.size) if frame is None else frame.box)
        if box is None:
            return
        size = box[2] - box[0], box[3] - box[1]
        fine = Image.new("L", (FINE * size[0], FINE * size[1]))
        pen = ImageDraw.Draw(fine)
        for line in lines:
            corners = (FINE * (line - box[:2]) - 0.5).ravel().tolist()
            pen.line(corners, 255, max(1, round(FINE * wide)), "curve")
        self.image.paste(colour, box, fine.reduce(FINE))

    def dotted_lines(
        self, lines: Iterable[Line], colour: str, width: float, frame: Frame | None = None
    ) -> None:
        """Draw lines of dots, as `lines` takes them."""
        wide = self.points(width)
        self.lines(
            [dot for line in lines for dot in _dots(line, DOT * wide, GAP * wide)], colour, width, frame
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture as PNG, whole or not at all.

        Raises:
            OSError: the file cannot be written; nothing is left under its name.
        """
        with atomic_file(path) as partial:
            self.image.save(partial, "PNG", compress_level=COMPRESSION, dpi=(self.dpi, self.dpi))


def _box_of(
    lines: Sequence[Line], wide: float, within: tuple[int, int, int, int]
) -> tuple[int, int, int, int] | None:
    """Return the pixels that lines touch, None if there are none."""
    if not lines:
        return None
    corners = np.concatenate(lines)
    low, high = np.floor(corners.min(axis=0) - wide), np.ceil(corners.max(axis=0) + wide)
    left, top = max(int(low[0]), within[0]), max(int(low[1]), within[1])
    right, bottom = min(int(high[0]), within[2]), min(int(high[1]), within[3])
    return (left, top, right, bottom) if left < right and top < bottom else None


def _dots(line: Line, dot: float, gap: float) -> list[Line]:
    """Cut a line into dots, each a straight piece of it."""
    steps = np.hypot(*np.diff(line, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    starts = np.arange(0.0, along[-1], dot + gap)
    ends = np.minimum(starts + dot, along[-1])
    first, last = (
        np.stack([np.interp(places, along, line[:, axis]) for axis in range(2)], axis=1)
        for places in (starts, ends)
    )
    return list(np.stack([first, last], axis=1))


@cache
def _font(pixels: float, bold: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return DejaVu Sans, which matplotlib brings; Pillow's own, of Latin letters only, where it has none."""
    found = find_spec("matplotlib")  # finds the package without importing it
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    for folder in (found.submodule_search_locations or ()) if found else ():
        file = Path(folder, "mpl-data", "fonts", "ttf", name)
        if file.is_file():
            return ImageFont.truetype(file, pixels, layout_engine=ImageFont.Layout.BASIC)
    return ImageFont.load_default(pixels)
