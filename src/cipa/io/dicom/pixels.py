"""The pixels of a slice, decoded."""

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.pixels import pixel_array

from cipa.io.dicom.pixel_data import read_image
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.stored_bits import Stored, take_stored_bits
from cipa.io.dicom.syntax import decoder_of, sample_bits
from cipa.io.dicom.tags import number

AS_DECODED: dict[str, Any] = {
    "correct_unused_bits": False,
    "apply_j2k_sign_correction": False,
    "apply_jls_sign_correction": False,
}
"""pydicom's own corrections do not look at High Bit; `take_stored_bits` does it for all syntaxes alike."""


def read_pixels(one: Slice) -> Stored:
    """Decode the pixels of a slice, and tell those that are padding.

    Args:
        one: a file, or a frame of one.

    Raises:
        Exception: of almost any kind, as pydicom and the decoders raise for damage.
    """
    if one.file is None:
        image = read_image(one.entry.open, one.header, one.pixels_at)
    else:
        image = one.file.image_of(one.frame)
    bits = sample_bits(image)
    # the property of this name does the same, and a third as much again to keep what is read once
    pixels = pixel_array(image, raw=True, decoding_plugin=decoder_of(image), **AS_DECODED)
    return take_stored_bits(pixels, one.header, bits)


def read_values(one: Slice) -> npt.NDArray[np.float64]:
    """Decode the pixels of a slice and apply its own rescale.

    Raises:
        Exception: as `read_pixels`.
    """
    slope, intercept = (number(one.header, name) for name in ("RescaleSlope", "RescaleIntercept"))
    scale = 1.0 if slope is None else slope
    values: npt.NDArray[np.float64] = np.multiply(read_pixels(one).pixels, scale, dtype=np.float64)
    return values + (intercept or 0.0)
