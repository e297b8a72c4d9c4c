"""Probability as bytes, 255 being 1: a quarter of float32's memory, and two thousandths of its file."""

import numpy as np
import numpy.typing as npt


def to_bytes(
    values: npt.NDArray[np.float32], mask: npt.NDArray[np.uint8], threshold: float
) -> npt.NDArray[np.uint8]:
    """Scale probability to bytes so that those at or above the threshold are those of the mask.

    Rounding is off by half a byte, and by up to one where it would carry a value over the threshold.

    Args:
        values: probability, 0 to 1, of any shape.
        mask: likewise, 1 where `values` reach the threshold.
        threshold: between 0 and 1.
    """
    scaled = np.rint(values * np.float32(255)).astype(np.uint8)
    levels = from_bytes(np.arange(256, dtype=np.uint8))
    lowest = np.uint8(np.searchsorted(levels, np.float32(threshold)))  # the first byte that is tumour
    return np.where(mask > 0, np.maximum(scaled, lowest), np.minimum(scaled, lowest - np.uint8(1)))


def from_bytes(probability_255: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the probability that bytes stand for, float32, 0 to 1."""
    return np.divide(probability_255, np.float32(255), dtype=np.float32)
