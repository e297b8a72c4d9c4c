"""Volumes as bytes, small enough to stay on a GPU: CT in steps of 4 HU, PET by the root of its SUV."""

import numpy as np
from numpy.typing import NDArray

CT_LOW, CT_STEP = -600.0, 4.0
"""Everything a soft-tissue or mediastinal window shows; lung and air are alike below."""

SUV_TOP = 40.0
"""SUV of the byte 255; a root keeps steps under 2 % of the value from SUV 1 on."""


def encode_ct(hu: NDArray[np.floating] | NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return HU as bytes: 0 for -600 and less, 255 for 420 and more."""
    return np.rint((np.asarray(hu, np.float32) - CT_LOW) / CT_STEP).clip(0, 255).astype(np.uint8)


def encode_pet(suv: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return SUV as bytes: 255 * sqrt(SUV / 40), clipped."""
    share = np.sqrt(np.maximum(np.asarray(suv, np.float32), 0) / SUV_TOP)
    return np.rint(255 * share).clip(0, 255).astype(np.uint8)
