"""Distances that MedPy computed once, with the masks they belong to: `medpy_oracle.npz`.

MedPy (GPL-3.0) and the SimpleITK it brings are 264 MB; stored numbers need neither.
Made by MedPy 0.5.2 on NumPy 2.4.6 and SciPy 1.17.1. To make it again, in an environment that has MedPy:

    python tests/medpy_oracle.py

Masks are stored, not drawn again: a filter that rounds otherwise would move their edges.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

PATH = Path(__file__).with_suffix(".npz")


class Case(NamedTuple):
    """A pair of masks, the voxels' size and MedPy's answer.

    Attributes:
        prediction: bool.
        truth: bool, of the same shape.
        spacing: mm an axis, or None for pixels.
        hd95: `medpy.metric.binary.hd95`.
        directed: 95th percentiles of `__surface_distances` from prediction to truth and back.
    """

    prediction: np.ndarray
    truth: np.ndarray
    spacing: tuple[float, ...] | None
    hd95: float
    directed: tuple[float, float]


def read_cases() -> dict[str, Case]:
    """Return every stored case by its name."""
    stored = np.load(PATH)
    cases = {}
    for name in sorted({key.rpartition("/")[0] for key in stored.files}):
        shape = tuple(stored[f"{name}/shape"])
        masks = np.unpackbits(stored[f"{name}/masks"], count=2 * int(np.prod(shape))).reshape(2, *shape)
        spacing = tuple(float(s) for s in stored[f"{name}/spacing"]) or None
        hd95, *directed = (float(value) for value in stored[f"{name}/answers"])
        cases[name] = Case(
            masks[0].astype(bool), masks[1].astype(bool), spacing, hd95, (directed[0], directed[1])
        )
    return cases


def _draw_pairs() -> dict[str, tuple[np.ndarray, np.ndarray, tuple[float, ...]]]:
    from scipy.ndimage import gaussian_filter

    def disc(row: int, column: int, radius: int, size: int = 128) -> np.ndarray:
        rows, columns = np.ogrid[:size, :size]
        return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2

    def blobs(seed: int, shape: tuple[int, ...], sigma: float, level: float) -> np.ndarray:
        return gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma) > level

    pairs = {
        "overlapping discs": (disc(60, 60, 9), disc(63, 58, 11)),
        "a far false positive": (disc(60, 60, 9) | disc(120, 5, 2), disc(60, 61, 9)),
        "single pixels": (disc(0, 0, 0), disc(127, 127, 0)),
        "cut by the edge of the image": (disc(0, 40, 12), disc(2, 44, 12)),
        "a ring round a disc": (disc(64, 64, 30) & ~disc(64, 64, 20), disc(64, 64, 10)),
        "the whole image": (np.ones((128, 128), bool), disc(64, 64, 10)),
        "equal masks": (disc(64, 64, 7), disc(64, 64, 7)),
    }
    plane = (96, 80)
    for seed in range(12):
        pairs[f"random {seed:02d}"] = blobs(seed, plane, 1 + seed % 4, 0.1), blobs(seed + 100, plane, 3, 0.05)
    cases = {name: (*pair, ()) for name, pair in pairs.items()}
    spaced = blobs(1, plane, 3, 0.05), blobs(2, plane, 3, 0.05)
    cases["spacing, one number"] = (*spaced, (0.5, 0.5))
    cases["spacing, two numbers"] = (*spaced, (3.27, 0.977))
    box = (24, 30, 28)
    cases["volume 0"] = blobs(3, box, 3, 0.05), blobs(4, box, 3, 0.05), (3.0, 1.0, 1.5)
    for seed in range(3):
        pair = blobs(seed, (9, 14, 13), 1.5, 0.05), blobs(seed + 9, (9, 14, 13), 1.5, 0.05)
        cases[f"volume {seed + 1}"] = (*pair, (3.27, 0.977, 0.977))
    return cases


def _write() -> None:
    from medpy.metric import binary

    distances = vars(binary)["__surface_distances"]
    stored = {}
    for name, (prediction, truth, spacing) in _draw_pairs().items():
        directed = [
            np.percentile(distances(*pair, voxelspacing=spacing or None), 95)
            for pair in ((prediction, truth), (truth, prediction))
        ]
        stored[f"{name}/shape"] = np.array(prediction.shape)
        stored[f"{name}/masks"] = np.packbits(np.stack([prediction, truth]))
        stored[f"{name}/spacing"] = np.array(spacing, float)
        answer = binary.hd95(prediction, truth, voxelspacing=spacing or None)
        stored[f"{name}/answers"] = np.array([answer, *directed])
    np.savez_compressed(PATH, **stored)


if __name__ == "__main__":
    _write()
