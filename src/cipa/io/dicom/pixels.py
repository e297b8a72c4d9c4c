"""The pixels of a file whose header is known already."""

from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.pixels import pixel_array
from pydicom.uid import UID

from cipa.io.dicom.series import Slice
from cipa.io.dicom.syntax import decoder_of

PIXEL_DATA = b"\xe0\x7f\x10\x00"
"""Tag (7FE0,0010) as little-endian files, nearly all, hold it."""

IMAGE_PIXEL = 0x0028
"""Group of the tags that say how pixels are stored."""


def read_pixels(one: Slice) -> npt.NDArray[np.number[Any]]:
    """Decode the pixels of a file.

    Args:
        one: the file; where its pixels begin was noted when its header was read, and nothing before is read
            a second time, unless they are not found there (big-endian and deflated files).

    Returns:
        (rows, columns), as stored: without rescale.

    Raises:
        Exception: of almost any kind, as pydicom and the decoders raise for damage.
    """
    with one.entry.open() as stream:
        stream.seek(one.pixels_at)
        if stream.read(len(PIXEL_DATA)) == PIXEL_DATA:
            stream.seek(one.pixels_at)
            image = _joined(one.header, stream)
        else:
            stream.seek(0)
            image = dcmread(stream)
    # the property of this name does the same, and a third as much again to keep what is read once
    return pixel_array(image, decoding_plugin=decoder_of(image))


def _joined(header: Dataset, stream: BinaryIO) -> Dataset:
    """Return what a header says of its pixels, together with Pixel Data, at which the stream is."""
    syntax = UID(header.file_meta.TransferSyntaxUID)
    image = read_dataset(stream, syntax.is_implicit_VR, syntax.is_little_endian)
    image.update(header.group_dataset(IMAGE_PIXEL))
    image.file_meta = header.file_meta
    return image
