"""Smooth random fields in three dimensions, read one axial plane at a time."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_EXTENT = 500.0
_HEAD, _FEET = -60.0, 420.0
_KEPT = 0.81  # of the lattice's spread after bicubic interpolation, measured


class SmoothNoise:
    """A random field of mean 0 and standard deviation near 1 that varies over `scale` mm.

    White noise on a lattice of `scale` mm, interpolated by cubics: Catmull-Rom between lattice planes,
    bicubic within one.

    Args:
        rng: draws the lattice.
        scale: lattice constant in mm.
    """

    def __init__(self, rng: np.random.Generator, scale: float) -> None:
        self.scale = scale
        side = max(4, round(_EXTENT / scale))
        height = int(np.ceil((_FEET - _HEAD) / scale)) + 4
        self._lattice = rng.standard_normal((height, side, side), dtype=np.float32)

    def plane(self, z: float, size: int) -> NDArray[np.float32]:
        """Return the field (size, size) over the field of view at height `z` in mm."""
        position = (z - _HEAD) / self.scale + 1
        base = int(np.clip(np.floor(position), 1, len(self._lattice) - 3))
        weights = _catmull_rom(position - base)
        blend = np.tensordot(weights, self._lattice[base - 1 : base + 3], axes=1).astype(np.float32)
        blend /= np.float32(_KEPT * np.sqrt(np.sum(weights**2)))
        return np.asarray(Image.fromarray(blend).resize((size, size), Image.Resampling.BICUBIC))


def _catmull_rom(t: float) -> NDArray[np.float64]:
    return 0.5 * np.array(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3]
    )
