"""The Pixel Data of a file whose header is known already, still as it is stored."""

from collections.abc import Callable
from typing import BinaryIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import UID

PIXEL_DATA = b"\xe0\x7f\x10\x00"
"""Tag (7FE0,0010) as little-endian files, nearly all, hold it."""

IMAGE_PIXEL = 0x0028
"""Group of the tags that say how pixels are stored."""


def read_image(opened: Callable[[], BinaryIO], header: Dataset, pixels_at: int) -> Dataset:
    """Read a file's Pixel Data, together with what its header says of them.

    Args:
        opened: gives the file as a seekable stream.
        header: of the file, with its file meta information.
        pixels_at: where its pixels begin as noted when its header was read. Nothing before is read a second
            time, unless they are not found there (big-endian and deflated files).

    Raises:
        Exception: of almost any kind, as pydicom raises for damage.
    """
    with opened() as stream:
        stream.seek(pixels_at)
        if stream.read(len(PIXEL_DATA)) == PIXEL_DATA:
            stream.seek(pixels_at)
            return _join(header, stream)
        stream.seek(0)
        image = dcmread(stream, force=True)
        image.file_meta = header.file_meta
        return image


def _join(header: Dataset, stream: BinaryIO) -> Dataset:
    """Return what a header says of its pixels, together with Pixel Data, at which the stream is."""
    syntax = UID(header.file_meta.TransferSyntaxUID)
    image = read_dataset(stream, syntax.is_implicit_VR, syntax.is_little_endian)
    image.update(header.group_dataset(IMAGE_PIXEL))
    image.file_meta = header.file_meta
    return image
