"""Decoders of JPEG Lossless, JPEG-LS and JPEG 2000 for pydicom, all by imagecodecs.

Its decoders let other threads run, so that a series is decoded on as many as there are; pyjpegls, which calls
the same CharLS, holds the interpreter lock: 135 slices of 512 x 512 take 0.75 s on any number of threads.
A module of the shape that pydicom asks of decoding plugins.

Of the three decoders of JPEG Lossless (ITU-T T.81, process 14), jpegsof3 is taken because it refuses a frame
that was cut short; libjpeg-turbo and liblj92 fill the rest with values. Run-length encoding stays with
pydicom: imagecodecs' decoder reads beyond the buffer where the segments' offsets are damaged.
"""

from collections.abc import Callable
from typing import Any

from pydicom.pixels import get_decoder
from pydicom.pixels.decoders.base import DecodeRunner
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from cipa.io.dicom.frame_header import read_frame_header

NAME = "imagecodecs"
"""What pydicom calls the plugin."""

CODECS = {
    **dict.fromkeys((JPEGLossless, JPEGLosslessSV1), "jpegsof3"),
    **dict.fromkeys((JPEGLSLossless, JPEGLSNearLossless), "jpegls"),
    **dict.fromkeys((JPEG2000Lossless, JPEG2000, HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K), "jpeg2k"),
}
"""imagecodecs' decoder of each transfer syntax (PS3.5, A.4); OpenJPEG's reads high throughput too."""

END_OF_IMAGE = b"\xff\xd9"
"""Marker that ends a JPEG-LS stream. Where the stream breaks off within a code, CharLS 2.4 looks for the rest
of it for 15 s, unless a marker follows; one after the stream's own is passed over."""

DECODER_DEPENDENCIES = dict.fromkeys(CODECS, ("numpy", NAME))
"""What pydicom says is missing where the plugin cannot be used."""


def is_available(uid: str) -> bool:
    """Tell whether the decoder is installed and can be loaded."""
    try:
        import imagecodecs
    except ImportError:
        return False
    name = {str(known): name for known, name in CODECS.items()}.get(uid)
    return name is not None and bool(getattr(imagecodecs, name.upper()).available)


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes:
    """Decode one grey frame.

    Args:
        source: the frame as the file holds it.
        runner: what pydicom knows of it; its bits allocated become those of a decoded pixel.

    Returns:
        The pixels, row by row, in the machine's order of bytes.

    Raises:
        RuntimeError: the frame is in colour, or of another size than the file's header says, which is found
            before memory for the pixels is taken. A damaged frame raises imagecodecs' own errors, which are
            RuntimeErrors too.
    """
    import imagecodecs

    header, expected = read_frame_header(source), (runner.rows, runner.columns)
    if header is None or (header.rows, header.columns) != expected:
        raise RuntimeError(f"compressed frame {header}: must be of {expected[0]} x {expected[1]} pixels")
    codec = CODECS[runner.transfer_syntax]
    decode: Callable[[bytes], Any] = getattr(imagecodecs, f"{codec}_decode")
    pixels = decode(source + END_OF_IMAGE if codec == "jpegls" else source)
    if pixels.shape != expected:
        raise RuntimeError(f"compressed frame of shape {pixels.shape}: must be grey")
    runner.set_option("bits_allocated", 8 * pixels.itemsize)
    return bytes(pixels.data)


def use_imagecodecs() -> None:
    """Make the decoders known to pydicom; again does no harm."""
    for uid in CODECS:
        decoder = get_decoder(uid)
        if NAME not in decoder.available_plugins and is_available(uid):
            decoder.add_plugin(NAME, (__name__, decode_frame.__name__))
