"""Skin, fat, muscle and bones: everything around the lungs."""

from collections.abc import Iterator

import numpy as np

from cipa.phantom.frame import Frame
from cipa.phantom.noise import SmoothNoise
from cipa.phantom.plane import Box, Floats, Plane
from cipa.phantom.scene import Mottled, Part
from cipa.phantom.shapes import Column
from cipa.phantom.tubes import Tube

_VERTEBRA = 23.0
_DISC = 5.0


def soft_wall(rng: np.random.Generator, frame: Frame) -> list[Part]:
    """Return skin, subcutaneous fat, muscle with its fat planes, and the chest wall's inner layers."""
    streaks = SmoothNoise(rng, scale=11.0)

    def muscle(plane: Plane, box: Box) -> Floats:
        """Return muscle's density in HU with sheets of fat."""
        sheets = np.clip(1 - 4 * np.abs(plane.noise(streaks)[box]), 0, 1)  # where the field changes its sign
        return np.float32(52) - np.float32(140) * sheets

    muscle_suv = rng.uniform(0.4, 1.1)
    return [
        Part(frame.body, 15.0, 0.6),
        Part(frame.fat, Mottled(-105, 6, streaks), 0.3),
        Part(frame.muscle, muscle, muscle_suv),
        Part(frame.cavity.grown(13.0), -70.0, 0.4),
        Part(frame.cavity.grown(9.5), 40.0, muscle_suv),
        Part(frame.cavity.grown(2.0), -60.0, 0.4),
    ]


def bones(rng: np.random.Generator, frame: Frame) -> list[Part]:
    """Return spine, ribs, sternum, scapulae and clavicles; red marrow takes up FDG, the spine's most."""
    marrow = float(rng.uniform(1.2, 2.8))
    spongy = SmoothNoise(rng, scale=6.0)
    return [
        *_scapulae(rng, frame, marrow),
        *_spine(frame, marrow, spongy, rng.uniform(0, _VERTEBRA)),
        *_ribs(rng, frame, marrow),
        *_sternum(frame, marrow),
        *_clavicles(frame),
    ]


def _spine(frame: Frame, marrow: float, spongy: SmoothNoise, phase: float) -> Iterator[Part]:
    z = np.arange(-190.0, 421.0, 10.0)
    x, y = np.array([frame.spine(height) for height in z]).T

    def between(plane: Plane) -> bool:
        """Whether the plane lies in a disc between two vertebrae."""
        return (plane.z + phase) % _VERTEBRA < _DISC

    def cortex(plane: Plane, box: Box) -> float:
        """Return the outer bone's density in HU."""
        return 90.0 if between(plane) else 420.0

    def inside(plane: Plane, box: Box) -> Floats | float:
        """Return the inner bone's density in HU."""
        return 85.0 if between(plane) else 190 + 45 * plane.noise(spongy)[box]

    def uptake(plane: Plane, box: Box) -> float:
        """Return the marrow's SUV."""
        return 0.9 if between(plane) else marrow

    def arch(plane: Plane, box: Box) -> float:
        """Return the vertebral arch's density in HU."""
        return 380.0 if (plane.z + phase) % _VERTEBRA > 0.45 * _VERTEBRA else 60.0

    yield Part(Column(z, (x, y + 22), (30.0, 24.0)), 48.0, 0.8)
    yield Part(Column(z, (x - 22, y + 40), (21.0, 17.0)), 52.0, 0.8)
    yield Part(Column(z, (x + 22, y + 40), (21.0, 17.0)), 52.0, 0.8)
    for side in (-1, 1):
        yield Part(Column(z, (x + side * 19, y + 27), (15.0, 4.5), angle=side * 25.0), arch, marrow * 0.6)
    yield Part(Column(z, (x, y + 40), (3.2, 17.0)), arch, marrow * 0.6)
    yield Part(Column(z, (x, y + 20), (14.0, 13.0), square=0.3), arch, marrow * 0.7)
    yield Part(Column(z, (x, y + 20), (9.5, 8.5)), 20.0, 1.0)
    yield Part(Column(z, (x, y), (17.0, 14.5), square=0.2), cortex, uptake)
    yield Part(Column(z, (x, y), (15.2, 12.7), square=0.2), inside, uptake)


def _ribs(rng: np.random.Generator, frame: Frame, marrow: float) -> Iterator[Part]:
    phase = rng.uniform(-6, 6)
    for number in range(11):
        top = -14 + 25.5 * number * frame.tall + phase
        fall = min(48 + 12 * number, 120)
        for side in (-1, 1):
            turn = np.linspace(0.16, 0.90 if number < 8 else 0.7, 22)  # of the way from spine to sternum
            z = top + fall * turn**1.15
            angle = np.pi / 2 - np.pi * turn
            rim = [frame.cavity.rim(h, a, outside=5.5) for h, a in zip(z, angle, strict=True)]
            x, y = np.array(rim).T
            points = np.stack([side * x, y, z], axis=1)
            full = np.full(len(points), 4.7)
            yield Part(Tube(points, full), 330.0, marrow * 0.55)
            yield Part(Tube(points, full - 1.8), 130.0, marrow * 0.7)


def _sternum(frame: Frame, marrow: float) -> Iterator[Part]:
    z = np.linspace(35, 190, 8) * frame.tall
    front = np.array([frame.cavity.section(h)[1] - frame.cavity.section(h)[3] for h in z])
    wide = np.array([24.0, 27, 20, 17, 18, 19, 20, 12])
    for inset, hu in ((0.0, 300.0), (2.2, 120.0)):
        yield Part(Column(z, (0.0, front - 4), (wide - inset, 7.0 - inset), square=0.3), hu, marrow * 0.8)


def _scapulae(rng: np.random.Generator, frame: Frame, marrow: float) -> Iterator[Part]:
    z = np.array([-10.0, 20, 60, 110, 150]) * frame.tall
    for side in (-1, 1):
        cavity = np.array([frame.cavity.section(h) for h in z])
        x = side * (np.maximum(cavity[:, 2], 95 * frame.wide) + 19)
        y = cavity[:, 1] + 0.42 * cavity[:, 3] + np.array([12.0, 10, 6, 4, 2])
        length = np.array([26.0, 36, 40, 32, 10]) * rng.uniform(0.92, 1.05)
        for inset, hu in ((0.0, 380.0), (1.6, 150.0)):
            shape = Column(
                z, (x, y), (length - inset, np.array([6.5, 5, 3.6, 3.6, 3]) - inset), angle=side * -62.0
            )
            yield Part(shape, hu, marrow * 0.5)


def _clavicles(frame: Frame) -> Iterator[Part]:
    for side in (-1, 1):
        points = np.array([[20.0, -72, 38], [48, -84, 24], [85, -70, 6], [130, -38, -12]])
        points = points * [side * frame.wide, frame.deep, frame.tall]
        yield Part(Tube(points, np.array([8.5, 6.5, 6.0, 6.5])), 380.0, 0.7)
        yield Part(Tube(points, np.array([6.0, 4.0, 3.5, 4.0])), 150.0, 0.9)
