"""The axial plane an image is formed on, and the patient's own bending of it.

Coordinates are millimetres: x from the patient's right to the left, y from front to back, z from the lung
apex towards the feet. The field of view is square, centred on x = y = 0, the same at every image size.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cipa.phantom.noise import SmoothNoise

FIELD_OF_VIEW = 500.0
"""Side of every image in mm."""

SLICE_SPACING = 3.27
"""Distance between slices, and thickness of a slice, in mm."""

Floats = NDArray[np.float32]
Box = tuple[slice, slice]
"""Rows and columns of a part of a plane."""


class Warp:
    """A smooth random displacement of x and y, so that no organ is a perfect ellipse.

    Args:
        rng: draws the displacement.
        amplitude: its standard deviation in mm.
    """

    def __init__(self, rng: np.random.Generator, amplitude: float) -> None:
        self.amplitude = amplitude
        self._dx = SmoothNoise(rng, scale=80.0)
        self._dy = SmoothNoise(rng, scale=80.0)

    def shift(self, z: float, size: int) -> tuple[Floats, Floats]:
        """Return the displacements of x and y at height `z` in mm, (size, size) or (1, 1) if 0."""
        if not self.amplitude:
            return np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32)
        return self.amplitude * self._dx.plane(z, size), self.amplitude * self._dy.plane(z, size)


STRAIGHT = Warp(np.random.default_rng(0), amplitude=0.0)
"""The warp that bends nothing."""


@dataclass(frozen=True)
class Plane:
    """One axial plane of `size` x `size` pixels at height `z` (mm), bent by `warp`."""

    size: int
    z: float
    warp: Warp
    _read: dict[int, Floats] = field(default_factory=dict, repr=False, compare=False)

    def noise(self, noise: SmoothNoise) -> Floats:
        """Return the values (size, size) of a noise field on this plane; the first call interpolates."""
        if id(noise) not in self._read:
            self._read[id(noise)] = noise.plane(self.z, self.size)
        return self._read[id(noise)]

    @property
    def pixel(self) -> float:
        """Side of a pixel in mm."""
        return FIELD_OF_VIEW / self.size

    @cached_property
    def axis(self) -> Floats:
        """Return the unbent coordinates (size,) of the pixel centres in mm."""
        return ((np.arange(self.size) + 0.5) * self.pixel - FIELD_OF_VIEW / 2).astype(np.float32)

    @cached_property
    def _bent(self) -> tuple[Floats, Floats]:
        dx, dy = self.warp.shift(self.z, self.size)
        x, y = np.meshgrid(self.axis, self.axis)
        return x + dx, y + dy

    @property
    def x(self) -> Floats:
        """Return x (size, size) of every pixel in the patient's own space, in mm."""
        return self._bent[0]

    @property
    def y(self) -> Floats:
        """Return y (size, size) of every pixel in the patient's own space, in mm."""
        return self._bent[1]

    def box(self, low: tuple[float, float], high: tuple[float, float]) -> Box | None:
        """Return the pixels that may lie between the corners `low` and `high` (x, y; mm), None without."""
        spare = 4 * self.warp.amplitude + self.pixel
        columns = self._range(low[0] - spare, high[0] + spare)
        rows = self._range(low[1] - spare, high[1] + spare)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return None
        return rows, columns

    @property
    def whole(self) -> Box:
        """Return the box of every pixel."""
        return slice(0, self.size), slice(0, self.size)

    def _range(self, low: float, high: float) -> slice:
        first = int(np.floor((low + FIELD_OF_VIEW / 2) / self.pixel))
        last = int(np.ceil((high + FIELD_OF_VIEW / 2) / self.pixel))
        return slice(max(first, 0), min(last, self.size))
