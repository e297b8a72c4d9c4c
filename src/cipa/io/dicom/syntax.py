"""How pixels are compressed, and whether a decoder for it is installed."""

from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder
from pydicom.pixels.utils import get_j2k_parameters
from pydicom.uid import UID, JPEG2000TransferSyntaxes, RLELossless

from cipa.io.dicom.jpeg_ls import use_imagecodecs

use_imagecodecs()

SOF_MARKERS = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
"""Second bytes of the markers that begin the frame header of JPEG, and of JPEG-LS."""


def undecodable(header: Dataset) -> str | None:
    """Say what is missing to decode the pixels of a file, or None if nothing is.

    Args:
        header: as read from a file, with its file meta information.
    """
    syntax = getattr(header, "file_meta", Dataset()).get("TransferSyntaxUID")
    if syntax is None:
        return "Transfer Syntax UID (0002,0010) is missing; export the series again"
    uid = UID(syntax)
    if not uid.is_transfer_syntax:
        return f"Transfer Syntax UID (0002,0010) is {uid}, which is none; export the series again"
    if not uid.is_encapsulated:
        return None
    try:
        if get_decoder(uid).is_available:
            return None
    except NotImplementedError:
        pass
    return f"compressed as {uid.name}, for which there is no decoder; export it uncompressed"


def compression_of(header: Dataset) -> str:
    """Return the name of a file's transfer syntax, empty where it names none."""
    syntax = getattr(header, "file_meta", Dataset()).get("TransferSyntaxUID")
    return UID(syntax).name if syntax else ""


def decoder_of(header: Dataset) -> str:
    """Return pydicom's name of the decoder to take for a file, empty where its pixels are not compressed.

    GDCM is the last choice: it decodes what the others do and JPEG Lossless besides, and is there for that.
    """
    uid = UID(header.file_meta.TransferSyntaxUID)
    if not uid.is_encapsulated:
        return ""
    there = get_decoder(uid).available_plugins
    return next((name for name in there if name != "gdcm"), *there[:1])


def sample_bits(image: Dataset) -> int | None:
    """Return how many bits a sample of a compressed frame has by the frame itself; None if all are kept.

    Args:
        image: with its pixels and file meta information.
    """
    uid = UID(image.file_meta.TransferSyntaxUID)
    if not uid.is_encapsulated or uid == RLELossless:
        return None
    frame = get_frame(image.PixelData, 0, number_of_frames=1)
    if uid in JPEG2000TransferSyntaxes:
        bits = get_j2k_parameters(frame).get("precision")
        return None if bits is None else int(bits)
    return _bits_of_jpeg(frame)


def _bits_of_jpeg(frame: bytes) -> int | None:
    """Return the sample precision in the frame header of JPEG or JPEG-LS (ISO/IEC 10918-1, B.2.2)."""
    at = 2
    while at + 4 < len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker in SOF_MARKERS:
            return frame[at + 4]
        at += 1 if marker == 0xFF else 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return None
