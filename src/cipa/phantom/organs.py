"""Lungs, mediastinum, heart, great vessels and airways."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cipa.phantom.frame import Frame
from cipa.phantom.noise import SmoothNoise
from cipa.phantom.plane import Box, Floats, Plane
from cipa.phantom.scene import AIR, Part
from cipa.phantom.shapes import Clipped, Column, Ellipsoid
from cipa.phantom.tubes import Tube


def lungs(rng: np.random.Generator, frame: Frame) -> list[Part]:
    """Return the chest cavity filled with lung: denser at the back, mottled, in some emphysematous."""
    base = rng.uniform(-880, -830)
    coarse, fine, lobules = (SmoothNoise(rng, scale) for scale in (32.0, 9.0, 4.2))
    holes = rng.uniform(0.9, 1.5) if rng.random() < 0.3 else np.inf

    def density(plane: Plane, box: Box) -> Floats:
        """Return the lung's density in HU."""
        broad, small = plane.noise(coarse)[box], plane.noise(fine)[box]
        dependent = 0.35 * plane.y[box]
        hu = base + dependent + 16 * broad + 14 * small + 12 * plane.noise(lobules)[box]
        return hu - 110 * np.clip((small + 0.6 * broad - np.float32(holes)) * 2, 0, 1)

    return [Part(frame.cavity, density, float(rng.uniform(0.35, 0.6)), aerated=True)]


def mediastinum(rng: np.random.Generator, frame: Frame) -> list[Part]:
    """Return the fat between the lungs, great vessels, oesophagus and airways, in painting order."""
    blood_suv = float(rng.uniform(1.1, 2.4))
    return [
        *_fat(frame),
        *_great_vessels(frame, blood_suv),
        *_oesophagus(rng, frame),
        *_airways(rng, frame),
    ]


def hilum(frame: Frame, side: int) -> NDArray[np.float64]:
    """Return the point (3,) in mm where vessels enter the lung; side -1 is the patient's right."""
    return np.array([side * 42 * frame.wide, -18 * frame.deep, frame.height(0.66)])


def _fat(frame: Frame) -> Iterator[Part]:
    z = np.array([-60.0, 0, 25, 60, 110, 150, 190, 230, 270, 420]) * frame.tall
    half = np.array([36.0, 38, 38, 33, 30, 27, 24, 24, 26, 26]) * frame.wide
    cavity = np.array([frame.cavity.section(h) for h in z])
    front = cavity[:, 1] - cavity[:, 3]
    spine = np.array([frame.spine(h)[1] for h in z])
    middle, reach = (0.3 * front + 0.7 * spine), np.maximum(0.5 * (spine - front), 42)
    yield Part(Clipped(Column(z, (2.0, middle), (half, reach * 0.85)), frame.cavity.grown(2)), -70.0, 0.6)
    yield Part(Clipped(Column(z, (3.0, front), (7.0, 15.0)), frame.cavity.grown(2)), -85.0, 0.5)
    yield Part(Clipped(Column(z, (2.0, spine), (25.0, 22.0)), frame.cavity.grown(2)), -40.0, 0.6)


def _great_vessels(frame: Frame, suv: float) -> Iterator[Part]:
    w, d, h = frame.wide, frame.deep, frame.height
    spine = [frame.spine(h(s)) for s in (0.42, 0.6, 0.9, 1.2, 1.6)]
    falling = [
        (x + 24 * w, y - 24, h(s)) for (x, y), s in zip(spine, (0.42, 0.6, 0.9, 1.2, 1.6), strict=True)
    ]
    arch = [
        (2 * w, -66 * d, h(0.82)),
        (-4 * w, -66 * d, h(0.62)),
        (0, -56 * d, h(0.46)),
        (14 * w, -30 * d, h(0.38)),
    ]
    aorta = np.array([*arch, *falling])
    below = np.array([0, 6, 12])
    tubes = [
        (aorta, [17, 17, 16, 14.5, 13.5, 12.5, 12, 11.5, 11]),
        (
            np.array([(-24, -50, h(0.85)), (-26, -48, h(0.4)), (-20, -44, h(0.1)), (-34, -34, h(-0.2))]),
            [10, 9, 8, 6],
        ),
        (np.array([(22, -40, h(0.42)), (26, -34, h(0.1)), (36, -30, h(-0.2))]), [7, 6, 5.5]),
        (np.array([(-10, -46, h(0.4)), (-16, -34, h(0.1)), (-24, -28, h(-0.2))]), [7, 6, 5]),
        (np.array([(22, -72 * d, h(0.82)), (24, -56 * d, h(0.68)), (30, -30, h(0.62))]), [15, 14, 12]),
        (np.array([(20, -52 * d, h(0.66)), (-8, -38, h(0.66)), hilum(frame, -1)]), [13, 11, 8]),
        (np.array([(26, -40, h(0.63)), hilum(frame, 1)]), [12, 9]),
        (np.array([(-18, -20, h(0.78)), hilum(frame, -1) + below]), [9, 7]),
        (np.array([(24, -18, h(0.78)), hilum(frame, 1) + below]), [9, 7]),
    ]
    for points, radius in tubes:
        yield Part(Tube(points, np.asarray(radius, float)), frame.blood, suv)


def heart(rng: np.random.Generator, frame: Frame) -> list[Part]:
    """Return the heart in its fat; the left ventricle's wall takes up anything from nothing to SUV 12."""
    w, d, h = frame.wide, frame.deep, frame.height
    centre = (20 * w, -74 * d, h(0.93))
    size = np.array([58 * w, 46 * d, 52]) * rng.uniform(0.92, 1.1)
    inside = frame.cavity.grown(-1)
    uptake = float(np.clip(rng.lognormal(np.log(4.0), 0.65), 1.2, 12))
    long_axis = np.array([0.72, -0.45, 0.52])
    axes = _axes(long_axis / np.linalg.norm(long_axis))
    ventricle = (centre[0] + 22 * w, centre[1] - 2, centre[2] + 6)
    wall = (40 * w, 29.0, 29.0)
    cavity = (33 * w, 18.0, 18.0)
    hollow = tuple(np.array(ventricle) - axes[0] * 6)
    streak = SmoothNoise(rng, scale=26.0)

    def patchy(plane: Plane, box: Box) -> Floats:
        """Return the heart muscle's SUV."""
        return np.maximum(uptake * (1 + 0.22 * plane.noise(streak)[box]), 1.0)

    return [
        Part(Clipped(Ellipsoid(centre, tuple(size + 5)), inside), -80.0, 0.6),
        Part(Clipped(Ellipsoid(centre, tuple(size)), inside), frame.blood - 4, 1.7),
        Part(Clipped(Ellipsoid(ventricle, wall, axes), inside), 48.0, patchy),
        Part(Clipped(Ellipsoid(hollow, cavity, axes), inside), frame.blood - 4, 1.7),
    ]


def _axes(first: NDArray[np.float64]) -> NDArray[np.float64]:
    second = np.cross(first, [0.0, 0.0, 1.0])
    second /= np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)])


def _oesophagus(rng: np.random.Generator, frame: Frame) -> Iterator[Part]:
    share = np.array([-0.25, 0.1, 0.4, 0.7, 1.0, 1.3])
    z = frame.dome * share
    points = np.array([(8.0, frame.spine(h)[1] - 25, h) for h in z])
    uptake = np.clip(rng.lognormal(np.log(1.8), 0.35), 1.2, 4.5)
    segment = rng.uniform(0.2, 1.1) * frame.dome

    def inflamed(plane: Plane, box: Box) -> float:
        """Return the oesophagus's SUV, highest at one height."""
        return float(1.3 + (uptake - 1.3) * np.exp(-(((plane.z - segment) / 35) ** 2)))

    yield Part(Tube(points, np.array([7.0, 7, 7.5, 8, 9, 10])), 38.0, inflamed)


def _airways(rng: np.random.Generator, frame: Frame) -> Iterator[Part]:
    h = frame.height
    carina = np.array([2.0, -26 * frame.deep, h(0.52)])
    trachea = np.array(
        [(2.0, -44.0, h(-0.9)), (2.0, -36.0, h(-0.45)), (2.0, -24 * frame.deep, h(0.1)), carina]
    )
    radius = rng.uniform(7.5, 9.5)
    tubes = [(trachea, np.full(4, radius))]
    for side in (-1, 1):
        end = hilum(frame, side) + np.array([side * 2.0, 4.0, -4.0])
        tubes.append((np.stack([carina, end]), np.array([7.0, 5.8])))
        for outward in ((26, -28, -26), (28, 6, 22), (10, 20, 34), (24, -22, 30)):
            stop = end + np.array(outward) * [side, 1, 1] * rng.uniform(0.8, 1.2, 3)
            tubes.append((np.stack([end, stop]), np.array([3.9, 2.1])))
    for points, r in tubes:
        yield Part(Tube(points, r + 1.3), 20.0, 0.9)
    for points, r in tubes:
        yield Part(Tube(points, r), AIR + 10, 0.2)
