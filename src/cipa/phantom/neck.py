"""What takes up FDG in a neck, and is no tumour: larynx, tonsils, salivary glands, thyroid."""

from collections.abc import Iterator

import numpy as np

from cipa.phantom.frame import Frame
from cipa.phantom.scene import Part
from cipa.phantom.shapes import Ellipsoid


def draw_neck(rng: np.random.Generator, frame: Frame) -> list[Part]:
    """Return the organs of the neck, alike on both sides; they lie above the lung apex (z below 0)."""
    return list(_organs(rng, frame))


def _organs(rng: np.random.Generator, frame: Frame) -> Iterator[Part]:
    thyroid, glands = float(rng.lognormal(np.log(1.6), 0.4)), float(rng.uniform(1.4, 3.5))
    larynx, tonsils = float(rng.lognormal(np.log(2.2), 0.5)), float(rng.lognormal(np.log(4.0), 0.4))
    for side in (-1, 1):
        yield Part(Ellipsoid((side * 17.0, -36.0, -38.0), (9.0, 11.0, 22.0)), 95.0, thyroid)
        yield Part(Ellipsoid((side * 7.0, -42.0, -88.0), (5.0, 14.0, 8.0)), 55.0, min(larynx, 7.0))
        yield Part(Ellipsoid((side * 16.0, -36.0, -142.0), (8.0, 9.0, 14.0)), 50.0, min(tonsils, 10.0))
        yield Part(Ellipsoid((side * 34.0, -48.0, -132.0), (12.0, 14.0, 16.0)), 35.0, glands)
        for artery in (20.0, 32.0):  # beside the airway, up from the chest
            points = (side * artery, -26.0, -90.0)
            yield Part(Ellipsoid(points, (5.5, 6.0, 80.0)), frame.blood, 1.6)
