"""Irregular masses: the solid shape of tumours and nodules."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cipa.phantom.plane import SLICE_SPACING, Plane
from cipa.phantom.shapes import Patch, covered, edge_width
from cipa.phantom.tubes import Branches


@dataclass(frozen=True)
class Lobulated:
    """A ball that is stretched and whose surface undulates.

    Its radius in the direction u is radius * (1 + sum_k height[k] cos(waves[k] . u + phases[k])).

    Attributes:
        centre: (3,) in mm.
        radius: mean radius in mm.
        stretch: (3,) factors along x, y and z.
        waves: (k, 3) wave vectors on the unit sphere; long ones make fine lobes.
        heights: (k,) shares of the radius.
        phases: (k,) radians.
        soft: width in mm over which the edge fades, 0 for as sharp as the scanner shows it.
    """

    centre: NDArray[np.float64]
    radius: float
    stretch: NDArray[np.float64]
    waves: NDArray[np.float64]
    heights: NDArray[np.float64]
    phases: NDArray[np.float64]
    soft: float = 0.0

    @property
    def reach(self) -> NDArray[np.float64]:
        """Return half the sides (3,) of a box that holds the shape, in mm."""
        return self.radius * self.stretch * (1 + np.abs(self.heights).sum()) + self.soft / 2

    def scaled(self, factor: float) -> "Lobulated":
        """Return the same shape about the same centre, `factor` times as large."""
        return replace(self, radius=self.radius * factor)

    def patches(self, plane: Plane) -> Iterator[Patch]:
        """Yield one patch, none where the plane misses the shape."""
        x, y, z = self.centre
        rx, ry, rz = self.reach
        if abs(plane.z - z) > rz + SLICE_SPACING:
            return
        box = plane.box((x - rx, y - ry), (x + rx, y + ry))
        if box is None:
            return
        sx, sy, sz = self.stretch.astype(np.float32)
        offset = np.stack(
            np.broadcast_arrays(
                (plane.x[box] - np.float32(x)) / sx,
                (plane.y[box] - np.float32(y)) / sy,
                np.float32(plane.z - z) / sz,
            )
        )
        distance = np.sqrt((offset**2).sum(0)) + np.float32(1e-3)
        direction = offset / distance
        radius = np.ones_like(distance)
        for wave, height, phase in zip(self.waves.astype(np.float32), self.heights, self.phases, strict=True):
            angle = np.tensordot(wave, direction, axes=1) + np.float32(phase)
            radius += np.float32(height) * np.cos(angle)
        gap = (distance - np.float32(self.radius) * radius) * np.float32(self.stretch.mean())
        yield box, covered(gap, edge_width(plane, np.abs(direction[2])) + np.float32(self.soft))


def lobulated(
    rng: np.random.Generator, centre: NDArray[np.float64], diameter: float, rough: float
) -> Lobulated:
    """Draw an irregular mass of about `diameter` mm; `rough` (0 to 0.3) is how far its surface undulates."""
    count = 14
    waves = rng.standard_normal((count, 3))
    waves *= (rng.uniform(1.5, 9.0, count) / np.linalg.norm(waves, axis=1))[:, None]
    heights = rough * rng.uniform(0.2, 1.0, count) * 2.6 / np.linalg.norm(waves, axis=1) ** 1.25
    stretch = np.exp(rng.normal(0, 0.13, 3))
    stretch /= np.prod(stretch) ** (1 / 3)
    return Lobulated(centre, diameter / 2, stretch, waves, heights, rng.uniform(0, 2 * np.pi, count))


def spicules(rng: np.random.Generator, mass: Lobulated, count: int) -> Branches:
    """Draw `count` thin strands from `mass` into the lung; readers do not outline them as tumour."""
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    start = mass.centre + 0.8 * mass.radius * direction * mass.stretch
    length = mass.radius * rng.uniform(0.5, 1.0, count) + rng.uniform(3, 9, count)
    bend = 0.2 * rng.standard_normal((count, 3))
    end = start + length[:, None] * (direction + bend)
    return Branches(start, end, rng.uniform(0.8, 1.5, count), np.full(count, 0.4))
