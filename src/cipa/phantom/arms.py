"""Arms beside the chest, as of a patient who cannot raise them; some are cut by the field of view."""

from collections.abc import Iterator

import numpy as np

from cipa.phantom.frame import Frame
from cipa.phantom.scene import Part
from cipa.phantom.shapes import Column

_HEIGHTS = np.array([-60.0, 20, 120, 220, 420])
_SHARE = 0.3
"""Of the patients, with their arms down."""


def draw_arms(rng: np.random.Generator, frame: Frame) -> list[Part]:
    """Return skin and fat, muscle and bone of both arms, in some patients only."""
    return list(_arms(rng, frame)) if rng.random() < _SHARE else []


def _arms(rng: np.random.Generator, frame: Frame) -> Iterator[Part]:
    fat, gap = float(rng.uniform(4, 16)), float(rng.uniform(-4, 16))
    muscle_suv = float(rng.uniform(0.4, 1.0))
    radius = np.array([52.0, 48, 42, 36, 33]) * rng.uniform(0.8, 1.15)
    for side in (-1, 1):
        edge = np.array([frame.body.section(z)[[0, 2]].sum() for z in _HEIGHTS])
        x = side * (np.maximum(edge, edge.max() * 0.9) + gap + radius)
        y = rng.uniform(-20, 45) + np.array([0.0, 4, 10, 4, -10])
        for inset, hu, suv in ((0.0, -100.0, 0.3), (fat, 55.0, muscle_suv)):
            yield Part(Column(_HEIGHTS, (x, y), (radius - inset, radius - inset)), hu, suv)
        for half, hu in ((12.0, 700.0), (7.0, 60.0)):
            yield Part(Column(_HEIGHTS, (x, y), (half, half)), hu, 0.5)
