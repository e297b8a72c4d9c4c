"""Tumours of PCLT20K's sizes and kinds.

The published set has tumour areas of 11 to 5,830 px on 512 x 512 slices, 59 % of them under 500 px. Diameters
here are log-normal, set so that the areas of the written slices follow.
"""

from dataclasses import dataclass

import numpy as np

from cipa.phantom.frame import Frame
from cipa.phantom.lesions import Lobulated, lobulated, spicules
from cipa.phantom.noise import SmoothNoise
from cipa.phantom.plane import Floats, Plane
from cipa.phantom.scene import Mottled, Part
from cipa.phantom.shapes import Clipped, Shape
from cipa.phantom.sites import Sites
from cipa.phantom.stations import CENTRAL, SITES, draw_station

_MEDIAN_DIAMETER = 18.0
_SPREAD = 0.58
_SMALLEST, _LARGEST = 8.0, 85.0
_SMALLEST_CENTRAL = 15.0
_CENTRAL_DIAMETER = 34.0


@dataclass(frozen=True)
class Tumour:
    """One tumour: the `outline` a reader would draw, the `parts` it shows, its `heights` (z, mm)."""

    outline: Shape
    parts: tuple[Part, ...]
    heights: tuple[float, float]

    def cover(self, plane: Plane) -> Floats:
        """Return the share (size, size) of every pixel that is tumour."""
        canvas = np.zeros((plane.size, plane.size), np.float32)
        for box, share in self.outline.patches(plane):
            canvas[box] = np.maximum(canvas[box], share)
        return canvas


def draw_tumour(rng: np.random.Generator, frame: Frame, sites: Sites) -> Tumour:
    """Draw a tumour: size, place, surface, density, uptake, and whether its centre is dead or hollow."""
    site = rng.choice([*SITES], p=[*SITES.values()])
    diameter = _diameter(rng, central=site in CENTRAL)
    central = site in CENTRAL
    centre = draw_station(rng, frame, site) if central else sites.draw(rng, site, diameter / 2)
    mass = lobulated(rng, centre, diameter, rough=rng.uniform(0.06, 0.26))
    outline: Shape = mass if site in ("lung", "mediastinum") else Clipped(mass, frame.cavity.grown(1.0))
    if site == "neck":
        outline = Clipped(mass, frame.muscle)
    texture = SmoothNoise(rng, scale=max(6.0, diameter / 4))
    uptake = _uptake(rng, diameter, central)
    hot = Mottled(uptake, 0.3 * uptake, texture, floor=0.35 * uptake)
    solid = Mottled(_density(rng, diameter), 7.0, texture)
    spiky = rng.random() < (0.1 if central else 0.55)
    strands = spicules(rng, mass, int(rng.integers(5, 22))) if spiky else None
    parts = [
        *([Part(strands, -60.0, None)] if strands else []),
        Part(outline, solid, hot),
        *_core(rng, mass, diameter, uptake),
    ]
    top, bottom = float(centre[2] - mass.reach[2]), float(centre[2] + mass.reach[2])
    return Tumour(outline, tuple(parts), (top, bottom))


def _diameter(rng: np.random.Generator, central: bool) -> float:
    """Draw a diameter in mm; masses of hilum and mediastinum are found late and large."""
    median = _CENTRAL_DIAMETER if central else _MEDIAN_DIAMETER
    while True:
        diameter = float(median * np.exp(_SPREAD * rng.standard_normal()))
        if (_SMALLEST_CENTRAL if central else _SMALLEST) < diameter < _LARGEST:
            return diameter


def _uptake(rng: np.random.Generator, diameter: float, central: bool) -> float:
    """Draw the SUV before the scanner's blur: log-normal about 7.5, lower in tumours under 30 mm.

    The least is what PET can tell from surroundings and from reactive nodes: the blur takes most of a small
    tumour's uptake, and what it hides is a nodule of unknown nature to a reader too.
    """
    small = min(1.0, (diameter / 30) ** 0.35)
    least = max(4.0 if central else 2.5, 2.5 * 20 / diameter)
    return float(np.clip(7.5 * small * np.exp(0.65 * rng.standard_normal()), least, 45))


def _density(rng: np.random.Generator, diameter: float) -> float:
    """Draw the CT number: solid, or of ground glass in a few small tumours."""
    ground_glass = diameter < 28 and rng.random() < 0.12
    return float(rng.uniform(-480, -180) if ground_glass else rng.uniform(22, 48))


def _core(rng: np.random.Generator, mass: Lobulated, diameter: float, uptake: float) -> list[Part]:
    """Draw a dead centre (fluid, or air where it drained) in some large tumours, inside the outline."""
    if diameter < 24 or rng.random() > 0.5:
        return []
    core = mass.scaled(float(rng.uniform(0.42, 0.66)))
    hu = -930.0 if rng.random() < 0.25 else 16.0
    return [Part(core, hu, min(1.2, 0.2 * uptake))]
