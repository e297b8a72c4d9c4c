"""Findings that look like tumour on CT or PET and are none; the mask has none of them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from cipa.phantom.frame import Frame
from cipa.phantom.lesions import lobulated
from cipa.phantom.noise import SmoothNoise
from cipa.phantom.organs import hilum
from cipa.phantom.scene import Mottled, Part
from cipa.phantom.shapes import Clipped, Ellipsoid
from cipa.phantom.sites import Sites
from cipa.phantom.tubes import Tube


def draw_decoys(rng: np.random.Generator, frame: Frame, sites: Sites) -> list[Part]:
    """Draw collapsed lung, cold nodules, inflamed nodes, brown fat and healing ribs, each in some."""
    return [
        *_collapsed_lung(rng, frame, sites),
        *_cold_nodules(rng, frame, sites),
        *_inflamed_nodes(rng, frame),
        *_brown_fat(rng, frame),
        *_healing_ribs(rng, frame),
    ]


def _cold_nodules(rng: np.random.Generator, frame: Frame, sites: Sites) -> Iterator[Part]:
    """Scars, hamartomas and granulomas: a tumour on CT, nothing (or the scar's faint trace) on PET."""
    for _ in range(rng.integers(1, 7)):
        diameter = float(np.clip(13 * np.exp(0.45 * rng.standard_normal()), 6, 36))
        site = rng.choice(["lung", "pleura", "mediastinum"], p=[0.5, 0.35, 0.15])
        mass = lobulated(rng, sites.draw(rng, site, diameter / 2), diameter, rough=rng.uniform(0.04, 0.22))
        hu = float(rng.uniform(150, 500) if rng.random() < 0.15 else rng.uniform(15, 55))
        yield Part(Clipped(mass, frame.cavity.grown(1.0)), hu, float(rng.uniform(0.5, 1.3)))


def _collapsed_lung(rng: np.random.Generator, frame: Frame, sites: Sites) -> Iterator[Part]:
    """Collapsed or inflamed lung: as dense as a tumour, some uptake, less than most tumours."""
    if rng.random() > 0.6:
        return
    grain = SmoothNoise(rng, scale=5.0)
    for _ in range(rng.integers(1, 3)):
        size = float(rng.uniform(24, 60))
        mass = replace(lobulated(rng, sites.draw(rng, "pleura", size / 2), size, rough=0.3), soft=0.35 * size)
        uptake = float(rng.uniform(0.9, 2.8))
        dense = Mottled(float(rng.uniform(-200, 20)), 90.0, grain)
        yield Part(Clipped(mass, frame.cavity.grown(1.0)), dense, Mottled(uptake, 0.2 * uptake, grain))


def _inflamed_nodes(rng: np.random.Generator, frame: Frame) -> Iterator[Part]:
    """Reactive nodes: small, warm, alike at both hila and often beside the trachea."""
    if rng.random() > 0.65:
        return
    h, d = frame.height, frame.deep
    stations = [
        hilum(frame, -1) + np.array([10, 2, -6]),
        hilum(frame, 1) + np.array([-8, 4, -4]),
        np.array([2.0, -20 * d, h(0.62)]),
        np.array([-15.0, -32 * d, h(0.4)]),
        np.array([24.0, -46 * d, h(0.52)]),
    ]
    uptake = float(rng.uniform(2.0, 4.2))
    for place, station in enumerate(stations):
        if place < 2 or rng.random() < 0.6:  # both hila, always
            centre = station + rng.normal(0, 2.5, 3)
            half = np.array([5.5, 4.0, 7.0]) * rng.uniform(0.8, 1.25)
            suv = float(uptake * rng.uniform(0.85, 1.15))
            yield Part(Ellipsoid(tuple(centre), tuple(half)), 40.0, suv)


def _brown_fat(rng: np.random.Generator, frame: Frame) -> Iterator[Part]:
    """Symmetric hot fat above the collarbones and beside the spine; CT shows only fat."""
    if rng.random() > 0.25:
        return
    uptake = float(rng.uniform(3, 9))
    for side in (-1, 1):
        x = side * frame.wide
        neck = np.array([(62 * x, -30, -20), (78 * x, -18, 4), (112 * x, 6, 24), (132 * x, 2, 50)])
        yield Part(Tube(neck, np.array([9.0, 10, 8, 6])), -95.0, uptake)
        for z in np.arange(30, frame.dome, 46.0):
            _, y = frame.spine(z)
            yield Part(Ellipsoid((side * 27.0, y + 8, z), (6, 5, 8)), -90.0, 0.6 * uptake)


def _healing_ribs(rng: np.random.Generator, frame: Frame) -> Iterator[Part]:
    """A healing rib fracture: a hot spot in the chest wall beside the pleura."""
    for _ in range(rng.poisson(0.5)):
        z, angle = rng.uniform(0.3, 1.1) * frame.dome, rng.uniform(-0.6, 0.9)
        side = rng.choice([-1, 1])
        x, y = frame.cavity.rim(z, angle, outside=5.5)
        yield Part(Ellipsoid((side * x, y, z), (7, 9, 6)), 260.0, float(rng.uniform(2.5, 7)))
