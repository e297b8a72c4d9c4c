"""One phantom patient, from seed to images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cipa.phantom import organs, wall
from cipa.phantom.abdomen import draw_abdomen
from cipa.phantom.acquisition import (
    Scanner,
    ct_slice,
    draw_scanner,
    first_number,
    height_of,
    onto_ct_grid,
    pet_slices,
)
from cipa.phantom.arms import draw_arms
from cipa.phantom.contour import with_rims
from cipa.phantom.couches import draw_couch
from cipa.phantom.decoys import draw_decoys
from cipa.phantom.frame import Frame, draw_frame
from cipa.phantom.neck import draw_neck
from cipa.phantom.plane import FIELD_OF_VIEW, SLICE_SPACING, Floats, Plane
from cipa.phantom.scene import Part
from cipa.phantom.sites import Sites, map_sites
from cipa.phantom.tumours import Tumour, draw_tumour
from cipa.phantom.vessels import grow_tree

WHOLE = 1000
"""As the most slices with tumour: more than a thorax has, so that none is left out."""

_MOST_TUMOURS = 40
_SMALLEST_AREA = 11 / 512**2
_LEAVES = 700


@dataclass(frozen=True)
class PhantomPatient:
    """The images of a phantom patient, slices from head to feet, rows front to back, columns right to left.

    Attributes:
        ct_hu: (S, H, W) float32, HU.
        pet: (S, PET_SIZE, PET_SIZE) float32, body-weight SUV on PET's own pixels, of the same field of view.
        mask: (S, H, W) uint8, 1 is tumour.
        spacing: z, y and x in mm between voxels whose slice numbers follow one another.
        numbers: (S,) slice numbers, ascending; a gap in them is a gap between the slices.
    """

    ct_hu: Floats
    pet: Floats
    mask: NDArray[np.uint8]
    spacing: tuple[float, float, float]
    numbers: tuple[int, ...]

    @cached_property
    def suv(self) -> Floats:
        """PET at the CT's pixels: (S, H, W) float32, body-weight SUV."""
        return onto_ct_grid(self.pet, self.ct_hu.shape[-1])


def draw_patient(
    seed: int, index: int, size: int = 512, slices: tuple[int, int] = (4, 40), healthy: float = 0.0
) -> PhantomPatient:
    """Draw the patient `index` of the data set `seed`.

    Anatomy, lesions and noise come from generators seeded by (seed, index), so that a patient is the same
    whatever else is drawn. Tumours are added until `slices[0]` slices show one.

    Args:
        seed: of the data set.
        index: of the patient, from 0.
        size: pixels on a side over a field of view of 500 mm, a multiple of 128.
        slices: fewest and most slices that show tumour (at least 11 px of it at 512 x 512).
        healthy: share of the thorax's other slices, those without any tumour, that are returned too; 1 with
            `slices[1]` at `WHOLE` gives every slice of the thorax.

    Returns:
        The images: between `slices[0]` and `slices[1]` slices with tumour, and the healthy ones.
    """
    body = _body(seed, index)
    tumours, masks, diseased = _tumours(np.random.default_rng([seed, index, 1]), body, size, slices)
    parts = [*body.parts, *(part for tumour in tumours for part in tumour.parts)]
    chance = np.random.default_rng([seed, index, 4])
    others = [n for n in body.numbers if chance.random() < healthy and n not in diseased]
    numbers = sorted([*masks, *others])
    blank = np.zeros((size, size), np.uint8)
    return PhantomPatient(
        ct_hu=np.stack([ct_slice(parts, body.scanner, body.frame, n, size) for n in numbers]),
        pet=pet_slices(parts, body.scanner, body.frame, numbers),
        mask=np.stack([masks.get(n, blank) for n in numbers]),
        spacing=(SLICE_SPACING, FIELD_OF_VIEW / size, FIELD_OF_VIEW / size),
        numbers=tuple(number + 1 - body.numbers.start for number in numbers),
    )


@dataclass(frozen=True)
class _Body:
    frame: Frame
    scanner: Scanner
    sites: Sites
    parts: list[Part]

    @property
    def numbers(self) -> range:
        """Return the slice numbers of the whole scan."""
        return range(first_number(self.frame.top), int((self.frame.scanned + 10) / SLICE_SPACING))


def _body(seed: int, index: int) -> _Body:
    """Draw everything but the tumours, in painting order."""
    rng = np.random.default_rng([seed, index, 0])
    frame = draw_frame(rng)
    scanner = draw_scanner(rng, key=(seed, index, 2))
    outside = [*draw_couch(rng, frame), *draw_arms(rng, frame), *wall.soft_wall(rng, frame)]
    lungs = organs.lungs(rng, frame)
    inside = [
        *organs.mediastinum(rng, frame),
        *draw_neck(rng, frame),
        *draw_abdomen(rng, frame),
        *organs.heart(rng, frame),
    ]
    bones = wall.bones(rng, frame)
    sites = map_sites([*lungs, *inside, *bones], frame)
    vessels = [
        Part(grow_tree(organs.hilum(frame, side), sites.leaves(rng, side, _LEAVES)), frame.blood, None)
        for side in (-1, 1)
    ]
    decoys = draw_decoys(rng, frame, sites)
    return _Body(frame, scanner, sites, [*outside, *lungs, *vessels, *inside, *bones, *decoys])


def _tumours(
    rng: np.random.Generator, body: _Body, size: int, slices: tuple[int, int]
) -> tuple[list[Tumour], dict[int, NDArray[np.uint8]], set[int]]:
    """Draw tumours until enough slices show one.

    Returns:
        The tumours, the masks of at most `slices[1]` slices by number, and the numbers of all that show one.
    """
    wanted = 1 + rng.poisson(0.5)
    tumours: list[Tumour] = []
    masks: dict[int, NDArray[np.uint8]] = {}
    while len(tumours) < wanted or (len(masks) < slices[0] and len(tumours) < _MOST_TUMOURS):
        tumours.append(draw_tumour(rng, body.frame, body.sites))
        masks = _masks(tumours, body, size)
    own = [part for tumour in tumours for part in tumour.parts]
    masks = with_rims(masks, [*body.parts, *own], own, body.scanner, body.frame, body.numbers)
    shown = sorted(masks)
    start = int(rng.random() * (len(shown) - slices[1] + 1)) if len(shown) > slices[1] else 0
    return tumours, {number: masks[number] for number in shown[start : start + slices[1]]}, set(shown)


def _masks(tumours: Sequence[Tumour], body: _Body, size: int) -> dict[int, NDArray[np.uint8]]:
    smallest = max(1, round(_SMALLEST_AREA * size**2))
    masks = {}
    for number in body.numbers:
        z = height_of(number)
        near = [t for t in tumours if t.heights[0] <= z <= t.heights[1]]
        if near:
            plane = Plane(size, z, body.frame.warp)
            mask = np.max([tumour.cover(plane) for tumour in near], axis=0) >= 0.5
            if mask.sum() >= smallest:
                masks[number] = mask.astype(np.uint8)
    return masks
