"""The upper abdomen: fat, liver, spleen, stomach, kidneys and bowel, with the uptake of each."""

from collections.abc import Iterator

import numpy as np

from cipa.phantom.frame import Frame
from cipa.phantom.noise import SmoothNoise
from cipa.phantom.plane import Box, Floats, Plane
from cipa.phantom.scene import Part
from cipa.phantom.shapes import Clipped, Column, Ellipsoid, Shape

_FEET = 420.0


def draw_abdomen(rng: np.random.Generator, frame: Frame) -> list[Part]:
    """Return the abdomen's organs inside the cavity's outline, in painting order."""
    inside = frame.cavity.grown(-2)
    return [Part(Clipped(part.shape, inside), part.hu, part.suv) for part in _organs(rng, frame)]


def _organs(rng: np.random.Generator, frame: Frame) -> Iterator[Part]:
    yield from _fat(frame)
    yield from _bowel(rng, frame)
    yield from _upper_organs(rng, frame)
    yield from _kidneys(rng, frame)


def _fat(frame: Frame) -> Iterator[Part]:
    """Everything under the diaphragm, a dome about the liver's, over the lungs' lower recesses."""
    z, w, d = frame.dome, frame.wide, frame.deep
    yield Part(Ellipsoid((0.0, -44 * d, z + 190), (150 * w, 125 * d, 172)), -100.0, 0.5)
    yield Part(Column((z + 120, _FEET), (0.0, -40 * d), (200 * w, 180 * d)), -100.0, 0.5)


def _upper_organs(rng: np.random.Generator, frame: Frame) -> Iterator[Part]:
    z, w, d = frame.dome, frame.wide, frame.deep
    grain = SmoothNoise(rng, scale=20.0)
    liver_suv, stomach_suv = rng.uniform(1.6, 3.2), float(rng.lognormal(np.log(2.2), 0.4))
    hu = 57.0 + 0.5 * (frame.blood - 42.0)

    def liver(plane: Plane, box: Box) -> Floats:
        """Return the liver's SUV."""
        return liver_suv * (1 + 0.08 * plane.noise(grain)[box])

    yield Part(Ellipsoid((-52 * w, -42 * d, z + 98), (92 * w, 98 * d, 98)), hu, liver)
    yield Part(Ellipsoid((66 * w, -44 * d, z + 98), (66 * w, 72 * d, 84)), -60.0, 0.7)
    yield Part(Ellipsoid((68 * w, -22 * d, z + 100), (58 * w, 62 * d, 80)), 35.0, stomach_suv)
    yield Part(Ellipsoid((84 * w, 8 * d, z + 106), (40 * w, 46 * d, 78)), hu - 5, 0.85 * liver_suv)


def _kidneys(rng: np.random.Generator, frame: Frame) -> Iterator[Part]:
    """Kidneys, and urine in their pelves: the hottest spots of most scans."""
    urine = float(rng.lognormal(np.log(9.0), 0.7))
    for side in (-1, 1):
        centre = np.array([side * 62 * frame.wide, 22 * frame.deep, frame.dome + 150 - 8 * side])
        centre += rng.normal(0, [4, 4, 12])
        yield Part(Ellipsoid(tuple(centre), (40.0, 40.0, 68.0)), -100.0, 0.5)
        hu = 32.0 + 0.8 * (frame.blood - 42.0)
        yield Part(Ellipsoid(tuple(centre), (28.0, 25.0, 52.0)), hu, float(rng.uniform(2, 4.5)))
        for _ in range(rng.integers(1, 4)):
            spot = centre + np.array([-side * 8, -4, 0]) + rng.normal(0, [4, 4, 18])
            half = tuple(rng.uniform(4, 11, 3))
            yield Part(Ellipsoid(tuple(spot), half), 15.0, float(min(urine * rng.uniform(0.5, 1.4), 45)))


def _bowel(rng: np.random.Generator, frame: Frame) -> Iterator[Part]:
    """Loops of bowel: soft tissue about content, gas in some; uptake from none to that of a tumour."""
    usual = rng.lognormal(np.log(1.6), 0.5)
    middle = np.array([0.0, -50.0 * frame.deep])
    for _ in range(40):
        centre = rng.uniform((-105, -120, 100), (105, -10, 260)) * [frame.wide, frame.deep, 1.0]
        centre[2] += frame.dome
        # in the middle of the belly's fat, never in the lung's recesses
        centre[:2] = (centre[:2] - middle) * 0.72 + middle
        half = rng.uniform((10, 10, 10), (26, 20, 34))
        suv = float(np.clip(usual * rng.lognormal(0.0, 0.45), 0.6, 9))
        loop: Shape = Ellipsoid(tuple(centre), tuple(half))
        yield Part(loop, 35.0, suv)
        if rng.random() < 0.4:
            hu = -850.0 if rng.random() < 0.5 else 15.0
            yield Part(Ellipsoid(tuple(centre - [0, 3, 0]), tuple(0.7 * half)), hu, 0.5 * suv)
