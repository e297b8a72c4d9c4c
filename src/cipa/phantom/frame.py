"""The proportions of a patient: the outlines of body and chest cavity that every organ is placed by.

The base outline is that of an adult lying on the back: a body about 400 mm wide at the shoulders and 350 mm
below them, a neck of 120 mm, a chest cavity about 270 mm wide at the diaphragm, a kyphotic spine.
"""

from dataclasses import dataclass

import numpy as np

from cipa.phantom.plane import Warp
from cipa.phantom.shapes import Column

_HEIGHT = np.array([-190.0, -130, -95, -62, -30, 0, 23, 50, 80, 111, 140, 200, 230, 260, 420])
_MUSCLE_HALF = (
    np.array([74.0, 60, 74, 150, 182, 186, 187, 184, 180, 178, 172, 160, 156, 153, 150]),
    np.array([88.0, 62, 66, 76, 86, 90, 94, 100, 108, 115, 122, 130, 133, 132, 130]),
)
_BODY_Y = np.array([-20.0, -12, -4, 4, 5, 5, -1, -8, -16, -22, -28, -38, -42, -44, -46])
_CAVITY_HALF = (
    np.array([2.0, 2, 2, 2, 2, 42, 78, 98, 110, 116, 121, 130, 135, 137, 137]),
    np.array([2.0, 2, 2, 2, 2, 14, 40, 62, 81, 99, 106, 112, 111, 110, 110]),
)
_CAVITY_Y = np.array([0.0, 0, 0, 0, 0, 0, -10, -9, -16, -24, -28, -36, -37, -38, -38])
_SPINE_Y = np.interp(_HEIGHT, [-130, 0, 65, 130, 196, 245, 420], [2, 14, 35, 52, 40, 24, 10])
_BLOOD = 42.0
"""Unenhanced blood, HU: PET-CT of the chest is mostly read without contrast."""

_LOWEST = 405.0


@dataclass(frozen=True)
class Frame:
    """Outlines of one patient; heights in mm from the lung apex, `dome` that of the right diaphragm's top.

    `blood` is the CT number of blood, higher with contrast medium; `top` and `scanned` the heights
    that the scan begins and ends at.
    """

    body: Column
    fat: Column
    muscle: Column
    cavity: Column
    wide: float
    deep: float
    tall: float
    dome: float
    warp: Warp
    blood: float
    top: float
    scanned: float

    def height(self, share: float) -> float:
        """Return the height in mm at `share` (0 at the apex, 1 at the top of the diaphragm)."""
        return share * self.dome

    def spine(self, z: float) -> tuple[float, float]:
        """Return x and y of the centre of the vertebral body at height `z`, in mm."""
        return 2.0, float(np.interp(z, _HEIGHT * self.tall, _SPINE_Y * self.deep))


def draw_frame(rng: np.random.Generator) -> Frame:
    """Draw the proportions of a patient."""
    wide, deep, tall = rng.normal(1.0, [0.07, 0.08, 0.06]).clip([0.84, 0.84, 0.88], [1.14, 1.18, 1.12])
    fat = min(rng.gamma(3.0, 6.0) + 4, 48.0)
    dome = 205.0 * float(tall)
    z = _HEIGHT * tall
    muscle = Column(
        z,
        (0.0, _BODY_Y * deep),
        (_MUSCLE_HALF[0] * wide, _MUSCLE_HALF[1] * deep),
        square=rng.uniform(0.2, 0.45),
    )
    cavity = Column(
        z,
        (0.0, _CAVITY_Y * deep),
        (_CAVITY_HALF[0] * wide, _CAVITY_HALF[1] * deep),
        square=rng.uniform(0.25, 0.45),
    )
    under_skin = muscle.grown(fat)
    return Frame(
        body=under_skin.grown(2.0),
        fat=under_skin,
        muscle=muscle,
        cavity=cavity,
        wide=float(wide),
        deep=float(deep),
        tall=float(tall),
        dome=dome,
        warp=Warp(rng, amplitude=rng.uniform(3.0, 5.5)),
        blood=_BLOOD if rng.random() < 0.6 else float(rng.uniform(90, 230)),
        top=-10.0 if rng.random() < 0.4 else float(rng.uniform(-150, -15)),
        scanned=min(dome + _draw_scanned(rng), _LOWEST),
    )


def _draw_scanned(rng: np.random.Generator) -> float:
    """Draw how far below the diaphragm's top a scan goes on, mm: a thorax, or to the kidneys and beyond."""
    return float(rng.uniform(60, 80) if rng.random() < 0.35 else rng.uniform(80, 200))
