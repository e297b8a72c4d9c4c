"""The two simulated scanners: CT numbers with noise; PET with blur, counting noise and breathing.

CT is one quick shot at a held breath; PET is minutes of free breathing. Between the two the diaphragm moves:
the PET scene is taken from a height shifted by up to several mm, nothing at the apex, most at the diaphragm.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from cipa.phantom.frame import Frame
from cipa.phantom.plane import FIELD_OF_VIEW, SLICE_SPACING, Floats, Plane
from cipa.phantom.scene import AIR, Part, paint

PET_SIZE = 125
"""Pixels on a side of the PET image."""

PET_PIXEL = FIELD_OF_VIEW / PET_SIZE
"""Their side in mm: 4."""

_FWHM_TO_SIGMA = 1 / (2 * np.sqrt(2 * np.log(2)))
_CT_BLUR = 0.7  # mm, one standard deviation of a standard reconstruction kernel
_ABOVE = 1000  # more slices than there are above the lung apex: seeds are not negative
_PET_MARGIN = 4  # planes above and below that the two blurs reach


@dataclass(frozen=True)
class Scanner:
    """The quality of one patient's examination.

    Attributes:
        ct_noise: standard deviation of the CT numbers in soft tissue at 512 x 512, HU.
        resolution: full width at half maximum of the PET detectors' blur, mm.
        smoothing: of the filter after reconstruction, mm. The two add in squares: 5.5 to 10 mm.
        counts: expected PET counts in a voxel (4 x 4 x 3.27 mm) of SUV 1.
        breathing: shift between CT and PET at the diaphragm, mm towards the feet.
        key: seeds of this patient's noise.
    """

    ct_noise: float
    resolution: float
    smoothing: float
    counts: float
    breathing: float
    key: tuple[int, ...]


def draw_scanner(rng: np.random.Generator, key: tuple[int, ...]) -> Scanner:
    """Draw the quality of an examination; `key` seeds its noise."""
    return Scanner(
        ct_noise=float(rng.uniform(9, 32)),
        resolution=float(rng.uniform(4.2, 5.4)),
        smoothing=float(rng.uniform(3.6, 8.5)),
        counts=float(np.exp(rng.uniform(np.log(0.7), np.log(14.0)))),
        breathing=float(np.clip(rng.normal(3.0, 3.5), -5, 10)),
        key=key,
    )


def ct_slice(parts: Sequence[Part], scanner: Scanner, frame: Frame, number: int, size: int) -> Floats:
    """Return the CT slice (size, size) in HU at slice `number`."""
    plane = Plane(size, height_of(number), frame.warp)
    image = paint(parts, plane, "hu")
    sigma = _CT_BLUR / plane.pixel
    kept = 1 / max(1.0, 2 * np.sqrt(np.pi) * sigma)  # share of white noise that the kernel below lets through
    finest = FIELD_OF_VIEW / 512 / plane.pixel  # a coarser pixel averages more photons
    rng = np.random.default_rng([*scanner.key, 0, number + _ABOVE])
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    image += np.float32(scanner.ct_noise * finest / kept) * noise
    return np.maximum(ndimage.gaussian_filter(image, sigma, truncate=3.0), AIR - 24)


def pet_slices(parts: Sequence[Part], scanner: Scanner, frame: Frame, numbers: Sequence[int]) -> Floats:
    """Return the PET slices (len(numbers), PET_SIZE, PET_SIZE) in SUV as scanned; `numbers` ascend."""
    first, last = numbers[0] - _PET_MARGIN, numbers[-1] + _PET_MARGIN
    seen = _blur(_scene(parts, scanner, frame, range(first, last + 1)), scanner.resolution)
    for plane, number in zip(seen, range(first, last + 1), strict=True):
        rng = np.random.default_rng([*scanner.key, 1, number + _ABOVE])
        plane[:] = rng.poisson(plane * scanner.counts) / scanner.counts
    image = _blur(seen, scanner.smoothing)
    return image[[number - first for number in numbers]]


def expected_pet(parts: Iterable[Part], scanner: Scanner, frame: Frame, numbers: range) -> Floats:
    """Return the PET slices (len(numbers), PET_SIZE, PET_SIZE) in SUV, free of noise."""
    wide = range(numbers.start - _PET_MARGIN, numbers.stop + _PET_MARGIN)
    seen = _blur(_blur(_scene(parts, scanner, frame, wide), scanner.resolution), scanner.smoothing)
    return seen[_PET_MARGIN:-_PET_MARGIN]


def onto_ct_grid(pet: Floats, size: int) -> Floats:
    """Interpolate PET slices (S, PET_SIZE, PET_SIZE) linearly at the CT's pixels: (S, size, size)."""
    fine = (Image.fromarray(plane).resize((size, size), Image.Resampling.BILINEAR) for plane in pet)
    return np.stack([np.asarray(plane) for plane in fine])


def height_of(number: int) -> float:
    """Return the height in mm of the slice `number`; number 1 lies 10 mm above the lung apex."""
    return (number - 1) * SLICE_SPACING - 10.0


def first_number(top: float) -> int:
    """Return the number of the first slice at or below the height `top`, mm."""
    return int(np.ceil((top + 10.0) / SLICE_SPACING)) + 1


def _pet_plane(number: int, scanner: Scanner, frame: Frame) -> Plane:
    z = height_of(number)
    share = np.clip(z / frame.dome, 0, 1.2) ** 1.5
    return Plane(PET_SIZE, float(z - scanner.breathing * share), frame.warp)


def _scene(parts: Iterable[Part], scanner: Scanner, frame: Frame, numbers: range) -> Floats:
    parts = list(parts)
    return np.stack([paint(parts, _pet_plane(number, scanner, frame), "suv") for number in numbers])


def _blur(image: Floats, fwhm: float) -> Floats:
    sigma = fwhm * _FWHM_TO_SIGMA / np.array([SLICE_SPACING, PET_PIXEL, PET_PIXEL])
    return ndimage.gaussian_filter(image, sigma, truncate=2.0 / sigma.max(), mode="nearest")
