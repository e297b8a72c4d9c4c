"""What lies under, on and beside a patient: couches as scanners have them, pads, arm rests, a blanket.

None of it takes up tracer. Outlines are those seen on CT: a shell of carbon fibre about foam, flat or curved,
some with a cradle below it.
"""

from collections.abc import Iterator

import numpy as np

from cipa.phantom.frame import Frame
from cipa.phantom.scene import AIR, Part
from cipa.phantom.shapes import Column, Rigid

_EVERYWHERE = (-1000.0, 1000.0)
_FOAM = -930.0


def draw_couch(rng: np.random.Generator, frame: Frame) -> list[Part]:
    """Return couch, pad, blanket and arm rests in painting order; the patient is painted over them.

    Args:
        rng: draws which of them there are.
        frame: of the patient, whose back lies on the couch.
    """
    back = max(sum(frame.body.section(z)[[1, 3]]) for z in (0.0, 60.0, 120.0, 200.0)) + rng.uniform(2, 8)
    pad = rng.uniform(10, 30) if rng.random() < 0.5 else 0.0
    couch = (_shell, _slab, _cradle)[rng.integers(3)]
    return [
        *couch(rng, back + pad),
        *(_pad(rng, back, pad) if pad else ()),
        *(_arm_rests(rng, back) if rng.random() < 0.25 else ()),
        *(_blanket(rng, frame) if rng.random() < 0.3 else ()),
    ]


def _shell(rng: np.random.Generator, top: float) -> Iterator[Part]:
    """A shallow trough: the lower part of an ellipse, whose upper part is cut off at `top`."""
    wide, deep, thick = rng.uniform(190, 225), rng.uniform(28, 50), rng.uniform(2, 4)
    for outer, hu in ((0.0, rng.uniform(-600, -200)), (thick, _FOAM)):
        yield _part((0.0, top - 8), (wide - outer, deep - outer), hu)
    yield _part((0.0, top - 261), (310.0, 261.0), AIR)


def _slab(rng: np.random.Generator, top: float) -> Iterator[Part]:
    """A flat board of foam in a thin shell."""
    wide, deep, thick = rng.uniform(180, 225), rng.uniform(10, 26), rng.uniform(1.5, 3)
    for outer, hu in ((0.0, rng.uniform(-700, -100)), (thick, rng.uniform(-950, -820))):
        yield _part((0.0, top + deep), (wide - outer, deep - outer), hu, square=0.7)


def _cradle(rng: np.random.Generator, top: float) -> Iterator[Part]:
    """A flat board over a hollow, curved carrier with a strut inside."""
    wide, thick = rng.uniform(190, 230), rng.uniform(1.5, 3.5)
    for outer, hu in ((0.0, rng.uniform(-100, 300)), (thick, AIR)):
        yield _part((0.0, top + 12), (wide - outer, rng.uniform(58, 80) - outer), hu)
    yield _part((0.0, top - 245), (330.0, 262.0), AIR, square=0.6)
    for outer, hu in ((0.0, rng.uniform(-200, 200)), (3.0, -990.0)):
        yield _part((0.0, top + 52), (rng.uniform(60, 100) - outer, 8.0 - outer), hu, square=0.6)
    yield from _slab(rng, top)


def _pad(rng: np.random.Generator, top: float, deep: float) -> Iterator[Part]:
    hu = float(rng.uniform(-970, -780))
    yield _part((rng.uniform(-10, 10), top + deep / 2), (rng.uniform(150, 215), deep / 2 + 2), hu, square=0.6)


def _arm_rests(rng: np.random.Generator, top: float) -> Iterator[Part]:
    hu, y = float(rng.uniform(-950, -600)), top - rng.uniform(10, 60)
    for side in (-1, 1):
        half = rng.uniform(8, 26), rng.uniform(20, 60)
        yield _part((side * rng.uniform(205, 235), y), half, hu, square=0.4)


def _blanket(rng: np.random.Generator, frame: Frame) -> Iterator[Part]:
    """Cloth a few mm over the skin, folded here and there by the patient's own warp."""
    gap, thick = rng.uniform(1, 14), rng.uniform(2, 6)
    yield Part(frame.body.grown(gap + thick), float(rng.uniform(-960, -800)), None)
    yield Part(frame.body.grown(gap), AIR, None)


def _part(centre: tuple[float, float], half: tuple[float, float], hu: float, square: float = 0.0) -> Part:
    return Part(Rigid(Column(_EVERYWHERE, centre, half, square=square)), hu, None)
