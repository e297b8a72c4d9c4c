"""Round tubes: vessels, bronchi, ribs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cipa.phantom.plane import SLICE_SPACING, Plane
from cipa.phantom.shapes import Patch, covered, edge_width


@dataclass(frozen=True)
class Tube:
    """A chain of capsules through `points` (n, 3) with `radius` (n,) in mm."""

    points: NDArray[np.float64]
    radius: NDArray[np.float64]

    def patches(self, plane: Plane) -> Iterator[Patch]:
        """Yield a patch for every link that the plane cuts."""
        return links(self.points[:-1], self.points[1:], self.radius[:-1], self.radius[1:], plane)


@dataclass(frozen=True)
class Branches:
    """Capsules from `start` to `end` (n, 3), `wide` (n,) at the start and `narrow` (n,) at the end, in mm."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    wide: NDArray[np.float64]
    narrow: NDArray[np.float64]

    def patches(self, plane: Plane) -> Iterator[Patch]:
        """Yield a patch for every branch that the plane cuts."""
        return links(self.start, self.end, self.wide, self.narrow, plane)


def links(
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    wide: NDArray[np.float64],
    narrow: NDArray[np.float64],
    plane: Plane,
) -> Iterator[Patch]:
    """Yield a patch for every capsule cut by `plane`; start, end (n, 3), wide, narrow (n,), all in mm."""
    reach = np.maximum(wide, narrow) + SLICE_SPACING / 2
    near = (np.minimum(start[:, 2], end[:, 2]) - reach < plane.z) & (
        np.maximum(start[:, 2], end[:, 2]) + reach > plane.z
    )
    for a, b, ra, rb in zip(start[near], end[near], wide[near], narrow[near], strict=True):
        patch = _capsule(a, b, ra, rb, plane)
        if patch is not None:
            yield patch


def _capsule(
    a: NDArray[np.float64], b: NDArray[np.float64], ra: float, rb: float, plane: Plane
) -> Patch | None:
    axis = b - a
    reach = max(ra, rb) + SLICE_SPACING
    first, last = (min(max(_cut(a, axis, plane.z + dz), 0.0), 1.0) for dz in (-reach, reach))
    r = max(ra, rb)
    (x0, x1), (y0, y1) = (sorted((a[i] + first * axis[i], a[i] + last * axis[i])) for i in (0, 1))
    box = plane.box((x0 - r, y0 - r), (x1 + r, y1 + r))
    if box is None:
        return None
    dx, dy = plane.x[box] - np.float32(a[0]), plane.y[box] - np.float32(a[1])
    dz = np.float32(plane.z - a[2])
    axis32 = axis.astype(np.float32)
    length2 = np.float32(max(float(axis @ axis), 1e-6))
    along = np.clip((dx * axis32[0] + dy * axis32[1] + dz * axis32[2]) / length2, 0, 1)
    dz = dz - along * axis32[2]
    distance = np.sqrt(
        (dx - along * axis32[0]) ** 2 + (dy - along * axis32[1]) ** 2 + dz**2 + np.float32(1e-6)
    )
    radius = np.float32(ra) + along * np.float32(rb - ra)
    share = covered(distance - radius, edge_width(plane, np.abs(dz) / distance))
    return box, share * np.minimum(1, 2 * radius / plane.pixel)  # thinner than a pixel: fainter


def _cut(a: NDArray[np.float64], axis: NDArray[np.float64], z: float) -> float:
    """Return where the line from `a` along `axis` passes height `z`, as a share of the axis."""
    if abs(axis[2]) < 1e-3:
        return 0.0 if z < a[2] else 1.0
    return float((z - a[2]) / axis[2])
