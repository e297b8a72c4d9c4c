"""Solids that can say how much of each pixel of a plane they cover.

Every shape has `patches(plane)`, which yields boxes of the plane with the covered share (0 to 1) of each
pixel. The share falls from 1 to 0 over one pixel in plane and one slice thickness along z: partial volume.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cipa.phantom.plane import SLICE_SPACING, STRAIGHT, Box, Floats, Plane

Patch = tuple[Box, Floats]
Point = tuple[float, float, float]


class Shape(Protocol):
    """A solid in patient space."""

    def patches(self, plane: Plane) -> Iterator[Patch]:
        """Yield (box, share of each pixel covered)."""
        ...


class Column:
    """A tall solid whose axial section is an ellipse, or squarer, that changes with height.

    Args:
        z: heights of the knots in mm, ascending; the column ends with them.
        centre: x and y of the section's centre at each knot, each a number or a sequence, in mm.
        half: half the width and half the depth at each knot, likewise.
        square: 0 for an ellipse, up to 0.7 for nearly a rounded rectangle.
        angle: turn of the section in degrees.
    """

    def __init__(
        self,
        z: ArrayLike,
        centre: tuple[ArrayLike, ArrayLike],
        half: tuple[ArrayLike, ArrayLike],
        square: float = 0.0,
        angle: float = 0.0,
    ) -> None:
        self.z = np.asarray(z, float)
        self._knots = np.stack(
            [np.broadcast_to(np.asarray(v, float), self.z.shape) for v in (*centre, *half)]
        )
        self._square = square
        self._turn = np.deg2rad(angle)

    def section(self, z: float) -> NDArray[np.float64]:
        """Return centre x, centre y, half width and half depth at height `z`, in mm."""
        return np.array([np.interp(z, self.z, knot) for knot in self._knots])

    def grown(self, by: float) -> "Column":
        """Return the same column with every half axis `by` mm longer (shorter when negative)."""
        half = np.maximum(self._knots[2:] + by, 1.0)
        centre = (self._knots[0], self._knots[1])
        return Column(self.z, centre, (half[0], half[1]), self._square, float(np.rad2deg(self._turn)))

    def rim(self, z: float, angle: float, outside: float = 0.0) -> tuple[float, float]:
        """Return x and y of the rim under `angle` (radians from x, at the centre), `outside` mm off it."""
        x, y, a, b = self.section(z)
        cos, sin = np.cos(angle), np.sin(angle)
        quartic, quadratic = self._square * (cos**4 + sin**4), 1 - self._square
        t2 = (
            1 / quadratic
            if quartic < 1e-9
            else (np.sqrt(quadratic**2 + 4 * quartic) - quadratic) / (2 * quartic)
        )
        return float(x + (a * np.sqrt(t2) + outside) * cos), float(y + (b * np.sqrt(t2) + outside) * sin)

    def cover(self, plane: Plane, box: Box) -> Floats:
        """Return the share of each pixel of `box` that the column covers."""
        if not self.z[0] <= plane.z <= self.z[-1]:
            return np.zeros(plane.x[box].shape, np.float32)
        cx, cy, a, b = self.section(plane.z)
        x, y = plane.x[box] - np.float32(cx), plane.y[box] - np.float32(cy)
        if self._turn:
            cos, sin = np.float32(np.cos(self._turn)), np.float32(np.sin(self._turn))
            x, y = x * cos + y * sin, y * cos - x * sin
        x2, y2 = np.square(x / np.float32(a)), np.square(y / np.float32(b))
        square = np.float32(self._square)
        level: Floats = (np.float32(1) - square) * (x2 + y2) + square * (x2 * x2 + y2 * y2)
        narrow = np.float32(min(a, b) / (2 + 2 * self._square))  # over the slope of `level` at the rim
        return covered((level - np.float32(1)) * narrow, plane.pixel)

    def patches(self, plane: Plane) -> Iterator[Patch]:
        """Yield one patch, none above or below the column."""
        if self.z[0] <= plane.z <= self.z[-1]:
            x, y, a, b = self.section(plane.z)
            reach = (max(a, b), max(a, b)) if self._turn else (a, b)
            box = plane.box((x - reach[0], y - reach[1]), (x + reach[0], y + reach[1]))
            if box:
                yield box, self.cover(plane, box)


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid: `centre` in mm, half axes `half` in mm, their directions the rows of `axes` (3, 3)."""

    centre: Point
    half: Point
    axes: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))

    def patches(self, plane: Plane) -> Iterator[Patch]:
        """Yield one patch, none where the plane misses the ellipsoid."""
        reach = np.sqrt((self.axes.T**2) @ (np.asarray(self.half) ** 2))
        if abs(plane.z - self.centre[2]) > reach[2] + SLICE_SPACING / 2:
            return
        x, y, _ = self.centre
        box = plane.box((x - reach[0], y - reach[1]), (x + reach[0], y + reach[1]))
        if box is None:
            return
        offset = (
            plane.x[box] - np.float32(x),
            plane.y[box] - np.float32(y),
            np.float32(plane.z - self.centre[2]),
        )
        level, slope, upright = (np.full(offset[0].shape, start, np.float32) for start in (-1, 0, 0))
        for (dx, dy, dz), half in zip(
            self.axes.astype(np.float32), np.array(self.half, np.float32), strict=True
        ):
            along = (dx * offset[0] + dy * offset[1] + dz * offset[2]) / half
            level += along * along
            slope += np.square(along / half)
            upright += along * dz / half
        slope = np.sqrt(slope) + np.float32(1e-6)
        yield (
            box,
            covered(level / slope / np.float32(2), edge_width(plane, np.divide(np.abs(upright), slope))),
        )


@dataclass(frozen=True)
class Clipped:
    """The part of `shape` that lies inside the column `inside`."""

    shape: Shape
    inside: Column

    def patches(self, plane: Plane) -> Iterator[Patch]:
        """Yield the patches of `shape`, each lessened to what `inside` covers."""
        for box, share in self.shape.patches(plane):
            yield box, share * self.inside.cover(plane, box)


@dataclass(frozen=True)
class Rigid:
    """`shape` in the scanner's space, which the patient's own warp does not bend."""

    shape: Shape

    def patches(self, plane: Plane) -> Iterator[Patch]:
        """Yield the patches of `shape` on the unbent plane."""
        return self.shape.patches(Plane(plane.size, plane.z, STRAIGHT))


def edge_width(plane: Plane, upright: Floats) -> Floats:
    """Return the width (mm) over which an edge fades: more where its normal is `upright` (0 to 1)."""
    return (
        np.float32(plane.pixel) * np.sqrt(np.maximum(0, 1 - upright * upright))
        + np.float32(SLICE_SPACING) * upright
    )


def covered(distance: Floats, width: float | Floats) -> Floats:
    """Return 1 well inside, 0 well outside and a line between over `width` mm about `distance` 0."""
    return np.clip(np.float32(0.5) - distance / np.float32(width), 0, 1)
