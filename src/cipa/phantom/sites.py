"""Where in the lungs something may grow: a coarse map of the air, and points drawn from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cipa.phantom.frame import Frame
from cipa.phantom.plane import FIELD_OF_VIEW, Plane
from cipa.phantom.scene import Part, aeration

_SIZE = 80
_STEP = 8.0

Site = Literal["lung", "pleura", "mediastinum"]


@dataclass(frozen=True)
class Sites:
    """Points of the lungs: `points` (n, 3) in mm, `depth` (n,) mm to the nearest edge, `at_wall` (n,) bool.

    `at_wall` says that the nearest edge is the chest wall rather than mediastinum, heart or diaphragm.
    """

    points: NDArray[np.float64]
    depth: NDArray[np.float64]
    at_wall: NDArray[np.bool_]

    def draw(self, rng: np.random.Generator, site: Site, radius: float) -> NDArray[np.float64]:
        """Draw a centre (3,) in mm for a mass of `radius` mm.

        In the lung it keeps clear of every edge where there is room; at pleura or mediastinum its edge is
        pressed into them, into the mediastinum by at most about 10 mm.
        """
        if site == "lung":
            fits = self.depth > radius + 6
        else:
            low = 0.3 * radius if site == "pleura" else max(0.4 * radius, radius - 10)
            fits = (self.depth > low) & (self.depth < max(0.8 * radius, low + 4))
            fits &= self.at_wall == (site == "pleura")
        inner = np.flatnonzero(fits)
        if not len(inner):
            inner = np.argsort(-self.depth)[:20]
        return self.points[rng.choice(inner)] + rng.uniform(-2, 2, 3)

    def leaves(self, rng: np.random.Generator, side: int, count: int) -> NDArray[np.float64]:
        """Draw `count` points (count, 3) spread over one lung, `side` -1 the patient's right, 1 the left."""
        inner = np.flatnonzero((self.points[:, 0] * side > 0) & (self.depth > 5))
        points = self.points[rng.choice(inner, min(count, len(inner)), replace=False)]
        return points + rng.uniform(-4, 4, points.shape)


def map_sites(parts: Sequence[Part], frame: Frame) -> Sites:
    """Return the points of the lungs that `parts` leave aerated, on a grid of 6 to 8 mm."""
    heights = np.arange(0, frame.dome + 55, _STEP)
    planes = [Plane(_SIZE, float(z), frame.warp) for z in heights]
    air = np.stack([aeration(parts, plane) for plane in planes]) > 0.7
    outside = np.stack([frame.cavity.cover(plane, plane.whole) for plane in planes]) < 0.5
    pixel = FIELD_OF_VIEW / _SIZE
    distance, nearest = ndimage.distance_transform_edt(air, (_STEP, pixel, pixel), return_indices=True)
    inside = np.nonzero(air)
    x, y = (np.stack([getattr(plane, name) for plane in planes])[inside] for name in "xy")
    points = np.stack([x, y, heights[inside[0]]], axis=1)
    return Sites(points, distance[inside] - pixel / 2, outside[tuple(axis[inside] for axis in nearest)])
