"""How pixels are compressed, and whether a decoder for it is installed."""

from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder
from pydicom.uid import UID, RLELossless

from cipa.io.dicom.codecs import NAME, use_imagecodecs
from cipa.io.dicom.frame_header import read_frame_header
from cipa.io.dicom.tags import name_of, text

use_imagecodecs()


def undecodable(header: Dataset) -> str | None:
    """Say what is missing to decode the pixels of a file, or None if nothing is.

    Args:
        header: as read from a file, with its file meta information.
    """
    syntax = text(getattr(header, "file_meta", Dataset()), "TransferSyntaxUID")
    if not syntax:
        return f"{name_of('TransferSyntaxUID')} is missing; export the series again"
    uid = UID(syntax)
    if not uid.is_transfer_syntax:
        return f"{name_of('TransferSyntaxUID')} is none that DICOM knows; export the series again"
    if not uid.is_encapsulated:
        return None
    try:
        if get_decoder(uid).is_available:
            return None
    except NotImplementedError:
        pass
    return f"compressed as {uid.name}, for which there is no decoder; export it uncompressed"


def compression_of(header: Dataset) -> str:
    """Return the name of a file's transfer syntax, empty where it names none that DICOM knows."""
    uid = UID(text(getattr(header, "file_meta", Dataset()), "TransferSyntaxUID"))
    return uid.name if uid.is_transfer_syntax else ""


def decoder_of(header: Dataset) -> str:
    """Return pydicom's name of the decoder to take for a file, empty where its pixels are not compressed."""
    uid = UID(header.file_meta.TransferSyntaxUID)
    if not uid.is_encapsulated:
        return ""
    there = get_decoder(uid).available_plugins
    return NAME if NAME in there else there[0]


def sample_bits(image: Dataset) -> int | None:
    """Return how many bits a sample of a compressed frame has by the frame itself; None if all are kept.

    Args:
        image: with its pixels and file meta information.
    """
    uid = UID(image.file_meta.TransferSyntaxUID)
    if not uid.is_encapsulated or uid == RLELossless:
        return None
    header = read_frame_header(get_frame(image.PixelData, 0, number_of_frames=1))
    return None if header is None else header.bits
