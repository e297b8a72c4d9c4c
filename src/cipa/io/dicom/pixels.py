"""The pixels of a file whose header is known already."""

from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.pixels import pixel_array
from pydicom.uid import UID

from cipa.io.dicom.slices import Slice
from cipa.io.dicom.stored_bits import Stored, take_stored_bits
from cipa.io.dicom.syntax import decoder_of, sample_bits
from cipa.io.dicom.tags import number

PIXEL_DATA = b"\xe0\x7f\x10\x00"
"""Tag (7FE0,0010) as little-endian files, nearly all, hold it."""

IMAGE_PIXEL = 0x0028
"""Group of the tags that say how pixels are stored."""

AS_DECODED: dict[str, Any] = {
    "correct_unused_bits": False,
    "apply_j2k_sign_correction": False,
    "apply_jls_sign_correction": False,
}
"""pydicom's own corrections do not look at High Bit; `take_stored_bits` does it for all syntaxes alike."""


def read_pixels(one: Slice) -> Stored:
    """Decode the pixels of a file, and tell those that are padding.

    Args:
        one: the file; where its pixels begin was noted when its header was read, and nothing before is read
            a second time, unless they are not found there (big-endian and deflated files).

    Raises:
        Exception: of almost any kind, as pydicom and the decoders raise for damage.
    """
    with one.entry.open() as stream:
        stream.seek(one.pixels_at)
        if stream.read(len(PIXEL_DATA)) == PIXEL_DATA:
            stream.seek(one.pixels_at)
            image = _join(one.header, stream)
        else:
            stream.seek(0)
            image = dcmread(stream, force=True)
            image.file_meta = one.header.file_meta
    bits = sample_bits(image)
    # the property of this name does the same, and a third as much again to keep what is read once
    pixels = pixel_array(image, raw=True, decoding_plugin=decoder_of(image), **AS_DECODED)
    return take_stored_bits(pixels, one.header, bits)


def read_values(one: Slice) -> npt.NDArray[np.float64]:
    """Decode the pixels of a file and apply its own rescale.

    Raises:
        Exception: as `read_pixels`.
    """
    slope, intercept = (number(one.header, name) for name in ("RescaleSlope", "RescaleIntercept"))
    scale = 1.0 if slope is None else slope
    values: npt.NDArray[np.float64] = np.multiply(read_pixels(one).pixels, scale, dtype=np.float64)
    return values + (intercept or 0.0)


def _join(header: Dataset, stream: BinaryIO) -> Dataset:
    """Return what a header says of its pixels, together with Pixel Data, at which the stream is."""
    syntax = UID(header.file_meta.TransferSyntaxUID)
    image = read_dataset(stream, syntax.is_implicit_VR, syntax.is_little_endian)
    image.update(header.group_dataset(IMAGE_PIXEL))
    image.file_meta = header.file_meta
    return image
