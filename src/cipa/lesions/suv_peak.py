"""SUVpeak: the highest mean of a 1 mL sphere about a voxel of a lesion."""

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

PEAK_RADIUS_MM = (3 / (4 * np.pi) * 1000) ** (1 / 3)
"""Radius of a sphere of 1 mL: 6.20 mm."""

FEW_VOXELS = 200
"""Up to so many voxels summing spheres one by one beats a convolution of the lesion's surroundings."""


TILE = (16, 64, 64)
"""Slices, rows and columns of a lesion that are convolved at a time, the brightest first: of a
large lesion few need be, and a mask of everything fits in memory."""

Box = tuple[slice, ...]


def millilitre_sphere(edges: tuple[float, float, float]) -> npt.NDArray[np.bool_]:
    """Return the voxels whose centres lie in a sphere of 1 mL about the middle one, on a grid of odd sides.

    Args:
        edges: millimetres between voxels along each axis.
    """
    reach = [int(PEAK_RADIUS_MM / edge) for edge in edges]
    steps = np.ogrid[tuple(slice(-most, most + 1) for most in reach)]
    squares = sum((step * edge) ** 2 for step, edge in zip(steps, edges, strict=True))
    return np.asarray(squares <= PEAK_RADIUS_MM**2)


def highest_mean(
    suv: npt.NDArray[np.generic], box: Box, inside: npt.NDArray[np.bool_], sphere: npt.NDArray[np.bool_]
) -> float:
    """Return the highest mean of SUV in a sphere about a voxel of a lesion; only voxels of the image count.

    Args:
        suv: (S, H, W) of the whole image.
        box: where the lesion lies in it.
        inside: the voxels of the box that are the lesion's.
        sphere: as `millilitre_sphere` gave it.
    """
    if np.count_nonzero(inside) <= FEW_VOXELS:
        indices = np.argwhere(inside) + [side.start for side in box]
        return _peak_of_few(suv, indices, np.argwhere(sphere) - np.array(sphere.shape) // 2)
    reach = np.array(sphere.shape) // 2
    tiles = [tile for tile in _tiles(inside.shape) if inside[tile].any()]
    places = [_shift(tile, box) for tile in tiles]
    brightest = [float(suv[_widen(place, reach, suv.shape)].max()) for place in places]
    peak = -np.inf
    for index in np.argsort(brightest)[::-1]:
        if brightest[index] <= peak:  # a mean is no more than the brightest voxel in it
            break
        peak = max(peak, _peak_of_tile(suv, places[index], inside[tiles[index]], sphere))
    return float(peak)


def _tiles(shape: tuple[int, ...]) -> list[Box]:
    """Cut a box of voxels into tiles of at most `TILE` voxels."""
    cuts = [
        [slice(first, min(first + edge, length)) for first in range(0, length, edge)]
        for length, edge in zip(shape, TILE, strict=True)
    ]
    return list(product(*cuts))


def _shift(tile: Box, box: Box) -> Box:
    """Return a tile of a box in the indices of the image."""
    return tuple(
        slice(side.start + part.start, side.start + part.stop) for part, side in zip(tile, box, strict=True)
    )


def _widen(box: Box, reach: npt.NDArray[np.intp], shape: tuple[int, ...]) -> Box:
    """Return a box with a margin, within the image."""
    return tuple(
        slice(max(0, side.start - most), min(length, side.stop + most))
        for side, most, length in zip(box, reach, shape, strict=True)
    )


def _peak_of_tile(
    suv: npt.NDArray[np.generic], box: Box, inside: npt.NDArray[np.bool_], sphere: npt.NDArray[np.bool_]
) -> float:
    """Return the highest mean of `sphere` about voxels of a part of a lesion, by convolution."""
    reach = np.array(sphere.shape) // 2
    wide = _widen(box, reach, suv.shape)
    inner = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, wide, strict=True))
    sums = _convolve(suv[wide], sphere)[tuple(slice(most, -most or None) for most in reach)][inner]
    return float((sums / _voxels_in_reach(suv.shape, box, sphere))[inside].max())


def _voxels_in_reach(
    shape: tuple[int, ...], box: Box, sphere: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64] | float:
    """Return how many voxels of `sphere` are in the image about each voxel of `box`: all, but at its rim."""
    reach = np.array(sphere.shape) // 2
    if all(
        side.start >= most and side.stop + most <= length
        for side, most, length in zip(box, reach, shape, strict=True)
    ):
        return float(sphere.sum())
    there = [
        (np.arange(side.start - most, side.stop + most) >= 0)
        & (np.arange(side.start - most, side.stop + most) < length)
        for side, most, length in zip(box, reach, shape, strict=True)
    ]
    image = np.einsum("i,j,k->ijk", *(part.astype(np.float64) for part in there))
    return np.rint(_convolve(image, sphere)[tuple(slice(2 * most, -2 * most or None) for most in reach)])


def _convolve(image: npt.NDArray[Any], sphere: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the full convolution of two arrays of as many axes, by Fourier transforms.

    As `scipy.signal.fftconvolve`, whose import takes 0.8 s, a third of PyTorch's.
    """
    full = [length + most - 1 for length, most in zip(image.shape, sphere.shape, strict=True)]
    sizes = [fft.next_fast_len(length, real=True) for length in full]
    waves = fft.rfftn(image.astype(np.float64), sizes) * fft.rfftn(sphere.astype(np.float64), sizes)
    found: npt.NDArray[np.float64] = fft.irfftn(waves, sizes)
    return found[tuple(slice(0, length) for length in full)]


def _peak_of_few(
    suv: npt.NDArray[np.generic], indices: npt.NDArray[np.intp], steps: npt.NDArray[np.intp]
) -> float:
    points = indices[:, None] + steps
    there = np.all((points >= 0) & (points < suv.shape), axis=-1)
    points[~there] = 0
    values = np.where(there, suv[tuple(np.moveaxis(points, -1, 0))], 0).astype(np.float64)
    return float((values.sum(axis=1) / there.sum(axis=1)).max())
