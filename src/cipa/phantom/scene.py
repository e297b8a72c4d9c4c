"""A patient as an ordered list of parts, each covering those before it, and how a plane of it is painted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cipa.phantom.noise import SmoothNoise
from cipa.phantom.plane import Box, Floats, Plane
from cipa.phantom.shapes import Shape

Value = float | Callable[[Plane, Box], Floats | float]
"""A number, or a function of the plane and of a box in it."""

AIR = -1000.0
"""Hounsfield units of air."""


@dataclass(frozen=True)
class Part:
    """A shape with its CT number `hu` (HU) and its FDG uptake `suv`; None leaves that image as it was.

    `aerated` marks lung: where the topmost part is aerated, a tumour may grow.
    """

    shape: Shape
    hu: Value | None
    suv: Value | None
    aerated: bool = False


@dataclass(frozen=True)
class Mottled:
    """A value that varies smoothly about `mean` by `spread` (one standard deviation), never under `floor`."""

    mean: float
    spread: float
    noise: SmoothNoise
    floor: float = -np.inf

    def __call__(self, plane: Plane, box: Box) -> Floats:
        """Return the values (rows, columns) in `box`."""
        return np.maximum(self.mean + self.spread * plane.noise(self.noise)[box], self.floor)


def paint(parts: Iterable[Part], plane: Plane, image: Literal["hu", "suv"]) -> Floats:
    """Return the CT numbers or the uptake (size, size) of a plane, before any scanner has blurred it.

    Args:
        parts: from the outermost to the one on top.
        plane: where.
        image: "hu" (HU) or "suv" (body-weight SUV).
    """
    canvas = np.full((plane.size, plane.size), AIR if image == "hu" else 0.0, np.float32)
    for part in parts:
        value = part.hu if image == "hu" else part.suv
        if value is not None:
            _cover(canvas, part.shape, value, plane)
    return canvas


def aeration(parts: Iterable[Part], plane: Plane) -> Floats:
    """Return the share (size, size) of every pixel that is lung."""
    canvas = np.zeros((plane.size, plane.size), np.float32)
    for part in parts:
        _cover(canvas, part.shape, float(part.aerated), plane)
    return canvas


def _cover(canvas: Floats, shape: Shape, value: Value, plane: Plane) -> None:
    for box, share in shape.patches(plane):
        new = value(plane, box) if callable(value) else np.float32(value)
        canvas[box] += share * (new - canvas[box])
