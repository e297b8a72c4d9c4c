"""How PET-CT is shown in reports: windows, colours, scale bars; one place, so that all pictures agree."""

from typing import Any

import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray
from PIL import Image

from cipa.report.canvas import Canvas, Extent, Frame, Line

SUV_TOP = 7.0
"""SUV shown black: PET is inverted grey from 0 to here in every picture, a usual window for FDG."""

LUNG_WINDOW = (-1350.0, 150.0)
"""HU shown black and white: centre -600, width 1500."""

OUTLINE, INK, QUIET, EDGE = "#e6007e", "#1b1f24", "#667079", "#c8ccd0"

SOFT_TISSUE_WINDOW = (-160.0, 240.0)
"""HU shown black and white under the fused PET: centre 40, width 400, in which a tumour is grey."""

FUSED_OPACITY = 0.5
"""Of PET over CT where uptake is `FUSED_FROM` or more; it fades to nothing at SUV 0. Half of the picture is
CT however hot the PET is, so that no tumour becomes a blot."""

FUSED_FROM = 2.5

HOT = np.stack(
    [
        np.interp(np.linspace(0, 1, 256), (0.0, 0.4, 0.75, 1.0), levels)
        for levels in ((0.1, 0.85, 1.0, 1.0), (0.0, 0.1, 0.55, 0.92), (0.0, 0.0, 0.0, 0.25))
    ],
    axis=1,
)
"""(256, 3), black over red and orange to yellow; never white, which is CT's."""


def ct_picture(
    hu: NDArray[Any], size: tuple[int, int], window: tuple[float, float] = LUNG_WINDOW
) -> NDArray[np.uint8]:
    """Return CT (H, W) as grey of another size, (width, height); `window` has the HU of black and white."""
    low, high = window
    return _bytes((_resize(hu, size) - low) / (high - low))


def pet_picture(suv: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return PET (H, W) in SUV as inverted grey of another size, (width, height)."""
    return _bytes(1 - _resize(suv, size) / SUV_TOP)


def fused_picture(hu: NDArray[Any], suv: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return CT (H, W) in the soft-tissue window with PET in colours over it, as RGB of another size."""
    grey, uptake = ct_picture(hu, size, SOFT_TISSUE_WINDOW)[..., None], _resize(suv, size)
    opacity = FUSED_OPACITY * np.clip(uptake / FUSED_FROM, 0, 1)[..., None]
    colours = HOT[_bytes(uptake / SUV_TOP)]
    return _bytes(grey / 255 * (1 - opacity) + colours * opacity)


def outlines(inside: NDArray[Any], extent: Extent, frame: Frame) -> list[Line]:
    """Return the edge of a mask (H, W) as closed lines in pixels, also where it meets the image's border.

    Args:
        inside: what is not 0 is inside.
        extent: of the mask, rows from top to bottom.
        frame: where it is shown.
    """
    if not np.any(inside):
        return []
    left, right, bottom, top = extent
    rows, columns = inside.shape
    x = left + (np.arange(-1, columns + 1) + 0.5) * (right - left) / columns
    y = top + (np.arange(-1, rows + 1) + 0.5) * (bottom - top) / rows
    edge = contour_generator(*frame.place(x, y), np.pad(np.asarray(inside, bool), 1).astype(np.float32))
    lines: list[Line] = [np.asarray(line) for line in edge.lines(0.5)]
    return [np.concatenate([line, line[1:2]]) for line in lines]  # so that both ends are joined round


def scale_bar(canvas: Canvas, frame: Frame, millimetres: float, colour: str) -> None:
    """Draw a bar of so many millimetres at the lower right of a frame."""
    long = millimetres * frame.pixels_per_mm
    end, level = frame.part(0.95, 0.95)
    bar = [np.array([[end - long, level], [end, level]])]
    about = canvas.points(0.6)
    halo = [np.array([[end - long - about, level], [end + about, level]])]
    canvas.lines(halo, _behind(colour), 3.2)
    canvas.lines(bar, colour, 2.0)
    place = end - long / 2, level - canvas.points(2.5)
    canvas.words(place, f"{millimetres:g} mm", 7, colour, "md", halo=(1.4, _behind(colour)))


def sides(canvas: Canvas, frame: Frame, words: str, colour: str) -> None:
    """Write which side of the patient is left, right, top and bottom: `words` is as in "R L H F"."""
    places = {"lm": (0.02, 0.5), "rm": (0.98, 0.5), "ma": (0.5, 0.015), "md": (0.5, 0.985)}
    for (anchor, place), word in zip(places.items(), words.split(), strict=True):
        canvas.words(frame.part(*place), word, 8, colour, anchor, halo=(1.1, _behind(colour)))


def _behind(colour: str) -> str:
    return "black" if colour == "white" else "white"


def _resize(values: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    """Interpolate linearly; (0, 0) and the last value are centres of the outermost cells before and after."""
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))


def _bytes(parts: NDArray[Any]) -> NDArray[np.uint8]:
    """Return 0 to 1 as 0 to 255."""
    return np.asarray(np.clip(255 * parts + 0.5, 0, 255), dtype=np.uint8)
