"""What the header of a compressed frame says of its samples, whichever JPEG it is."""

import struct
from typing import NamedTuple

SOF_MARKERS = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
"""Second bytes of the markers that begin the frame header of JPEG, and of JPEG-LS."""

SIZ = b"\xff\x4f\xff\x51"
"""The markers that a JPEG 2000 codestream begins with, SOC and SIZ."""

BOXES_END = 4096
"""Where the codestream has begun at the latest, in bytes, if it stands in the boxes of a JP2 file."""


class FrameHeader(NamedTuple):
    """Sample precision in bits, and the size in pixels."""

    bits: int
    rows: int
    columns: int


def read_frame_header(frame: bytes) -> FrameHeader | None:
    """Read the header of a frame.

    Args:
        frame: JPEG (ISO/IEC 10918-1, B.2.2), JPEG-LS (14495-1, C.2.2) or JPEG 2000 (15444-1, A.5.1).

    Returns:
        What it says; None where no header is found.
    """
    return _read_jpeg(frame) if frame[:2] == b"\xff\xd8" else _read_jpeg_2000(frame)


def _read_jpeg(frame: bytes) -> FrameHeader | None:
    at = 2
    while at + 9 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker in SOF_MARKERS:
            return FrameHeader(*struct.unpack_from(">BHH", frame, at + 4))
        at += 1 if marker == 0xFF else 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return None


def _read_jpeg_2000(frame: bytes) -> FrameHeader | None:
    start = frame.find(SIZ, 0, BOXES_END)
    if start < 0 or len(frame) < start + 43:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", frame, start + 8)
    return FrameHeader((frame[start + 42] & 0x7F) + 1, bottom - top, right - left)
