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

_MEDIAN_DIAMETER = 22.0
_SPREAD = 0.53
_SMALLEST, _LARGEST = 7.0, 72.0


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
    diameter = _SMALLEST - 1.0
    while not _SMALLEST < diameter < _LARGEST:
        diameter = _MEDIAN_DIAMETER * np.exp(_SPREAD * rng.standard_normal())
    site = rng.choice(["lung", "pleura", "mediastinum"], p=[0.45, 0.3, 0.25])
    centre = sites.draw(rng, site, diameter / 2)
    mass = lobulated(rng, centre, diameter, rough=rng.uniform(0.06, 0.26))
    outline: Shape = Clipped(mass, frame.cavity.grown(1.0)) if site == "pleura" else mass
    texture = SmoothNoise(rng, scale=max(6.0, diameter / 4))
    uptake = _uptake(rng, diameter)
    hot = Mottled(uptake, 0.3 * uptake, texture, floor=0.35 * uptake)
    solid = Mottled(_density(rng, diameter), 7.0, texture)
    strands = spicules(rng, mass, int(rng.integers(5, 22))) if rng.random() < 0.55 else None
    parts = [
        *([Part(strands, -60.0, None)] if strands else []),
        Part(outline, solid, hot),
        *_core(rng, mass, diameter, uptake),
    ]
    top, bottom = float(centre[2] - mass.reach[2]), float(centre[2] + mass.reach[2])
    return Tumour(outline, tuple(parts), (top, bottom))


def _uptake(rng: np.random.Generator, diameter: float) -> float:
    """Draw the SUV before the scanner's blur: log-normal about 6, lower in tumours under 30 mm."""
    small = min(1.0, (diameter / 30) ** 0.35)
    return float(np.clip(6.0 * small * np.exp(0.55 * rng.standard_normal()), 1.6, 19))


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
