"""Grey values: Hounsfield units and SUV to the 8 bits PCLT20K stores, and those to the network's floats.

Three scales, each with its inverse; straight lines, but for the PET's other scaling:

    HU   in [low, high]    <->  grey 0..255   step 5.5 HU at the default window
    SUV  in [0, suv_max]   <->  grey 0..255   step 0.078 SUV at the default maximum
    grey 0..255             ->  x = grey / 255 * 3.2 - 1.6, what the network was made for

`arcsinh` is the other scaling of PET: grey = 255 asinh(SUV) / asinh(suv_max). It is a line below SUV 1 and a
logarithm above: at the default maximum SUV 1 is grey 61, not 13, and low uptake keeps more greys.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError, UsageError
from cipa.modalities import CT_WINDOW, PET_SCALINGS, SUV_MAX
from cipa.text import plural

if TYPE_CHECKING:  # at run time the tensor brings its own methods, and drawing phantoms needs no torch
    from torch import Tensor

BLACK = -1.6
"""What grey 0 becomes for the network: air outside the patient, and the fill of augmentation."""

SPAN = 3.2
"""Distance of grey 255 from `BLACK`."""


def normalise(grey: "Tensor") -> "Tensor":
    """Scale 8-bit grey to the network's range, on the device the tensor is on.

    Args:
        grey: uint8 of any shape, 0 to 255.

    Returns:
        float32 of the same shape in [-1.6, 1.6]: grey / 255 * 3.2 - 1.6, computed in that order.

    Raises:
        TypeError: `grey` is not uint8, so its scale is not known.
    """
    if str(grey.dtype) != "torch.uint8":
        raise TypeError(f"normalise takes uint8 grey values, not {grey.dtype}")
    return grey.float().div_(255.0).mul_(SPAN).add_(BLACK)


def window_ct(hu: npt.NDArray[Any], window: tuple[float, float] = CT_WINDOW) -> npt.NDArray[np.uint8]:
    """Clip CT to a window and scale it to 8 bits.

    Args:
        hu: CT of any shape in Hounsfield units, integer or float.
        window: (low, high) in HU that become 0 and 255. Air is about -1000, water 0, bone above 300.

    Returns:
        uint8 of the same shape, rounded to the nearest grey.

    Raises:
        DataError: a voxel is not a number.
        UsageError: the window does not rise.
    """
    low, high = window
    if not low < high:
        raise UsageError(f"CT window {low:g} to {high:g} HU: give the lower bound first, as in -1200 200")
    return _to_grey(hu, low, high, "CT")


def window_pet(
    suv: npt.NDArray[Any], suv_max: float = SUV_MAX, scaling: str = "linear"
) -> npt.NDArray[np.uint8]:
    """Clip PET to [0, suv_max] and scale it to 8 bits.

    Args:
        suv: PET of any shape in body-weight SUV (g/mL).
        suv_max: the SUV that becomes 255, above 0.
        scaling: of `PET_SCALINGS`.

    Returns:
        uint8 of the same shape, rounded to the nearest grey.

    Raises:
        DataError: a voxel is not a number.
        UsageError: `suv_max` is not above 0, or there is no such scaling.
    """
    if not suv_max > 0:
        raise UsageError(f"largest SUV {suv_max:g}: give a value above 0, as in 20")
    if scaling not in PET_SCALINGS:
        raise UsageError(f"PET scaling '{scaling}': choose {' or '.join(PET_SCALINGS)}")
    if scaling == "arcsinh":
        clipped = np.clip(suv.astype(np.float32), 0.0, suv_max)
        return _to_grey(np.arcsinh(clipped), 0.0, float(np.arcsinh(suv_max)), "PET")
    return _to_grey(suv, 0.0, suv_max, "PET")


def suv_to_grey(suv: float, suv_max: float, scaling: str = "linear") -> float:
    """Return the grey, not rounded, that a SUV is stored as."""
    if scaling == "arcsinh":
        return float(np.arcsinh(suv) / np.arcsinh(suv_max)) * 255
    return suv / suv_max * 255


def grey_to_suv(grey: float, suv_max: float, scaling: str = "linear") -> float:
    """Return the SUV that a grey, rounded or not, stands for."""
    if scaling == "arcsinh":
        return float(np.sinh(grey / 255 * np.arcsinh(suv_max)))
    return grey / 255 * suv_max


def hounsfield(
    grey: npt.NDArray[np.uint8], window: tuple[float, float] = CT_WINDOW
) -> npt.NDArray[np.float32]:
    """Take 8-bit CT back to Hounsfield units; what the window clipped stays clipped.

    Args:
        grey: uint8 of any shape.
        window: the (low, high) in HU that `window_ct` used.

    Returns:
        float32 HU of the same shape, within half a step (2.7 HU at the default window) of what was scaled.
    """
    low, high = window
    return grey.astype(np.float32) * np.float32((high - low) / 255.0) + np.float32(low)


def standardised_uptake(
    grey: npt.NDArray[np.uint8], suv_max: float = SUV_MAX, scaling: str = "linear"
) -> npt.NDArray[np.float32]:
    """Take 8-bit PET back to SUV; what lay above `suv_max` stays there.

    Args:
        grey: uint8 of any shape.
        suv_max: the value that `window_pet` used.
        scaling: likewise.

    Returns:
        float32 body-weight SUV of the same shape, within half a step (0.04 by default) of what was scaled.
    """
    if scaling == "arcsinh":
        return np.sinh(grey.astype(np.float32) * np.float32(np.arcsinh(suv_max) / 255.0))
    return grey.astype(np.float32) * np.float32(suv_max / 255.0)


def _to_grey(values: npt.NDArray[Any], low: float, high: float, name: str) -> npt.NDArray[np.uint8]:
    precision = np.float64 if values.dtype == np.float64 else np.float32
    scaled: npt.NDArray[np.floating[Any]] = values.astype(precision)
    missing = int(np.isnan(scaled).sum())
    if missing:
        raise DataError(
            f"{name}: {missing} of {plural(scaled.size, 'voxel')} are not a number; repair or re-export it"
        )
    np.clip(scaled, low, high, out=scaled)
    scaled -= low
    scaled *= 255.0 / (high - low)
    return np.rint(scaled, out=scaled).astype(np.uint8)
