"""JPEG-LS for pydicom by imagecodecs, whose decoder lets other threads run: a series on as many as there are.

Both it and pyjpegls call CharLS and give the same pixels; pyjpegls holds Python's lock meanwhile, and 135
slices of 512 x 512 take 0.75 s however many threads there are. A module of the form that pydicom asks of
decoding plugins.
"""

from pydicom.pixels.decoders import JPEGLSLosslessDecoder, JPEGLSNearLosslessDecoder
from pydicom.pixels.decoders.base import DecodeRunner
from pydicom.uid import JPEGLSLossless, JPEGLSNearLossless

NAME = "imagecodecs"
"""What pydicom calls the plugin."""

DECODER_DEPENDENCIES = dict.fromkeys((JPEGLSLossless, JPEGLSNearLossless), ("numpy", NAME))
"""What pydicom says is missing where the plugin cannot be used."""


def is_available(uid: str) -> bool:
    """Tell whether the decoder is installed and can be loaded."""
    try:
        from imagecodecs import JPEGLS
    except ImportError:
        return False
    return uid in DECODER_DEPENDENCIES and bool(JPEGLS.available)


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes:
    """Decode one grey frame.

    Args:
        source: the frame as the file holds it.
        runner: what pydicom knows of it; is told how many bits a pixel takes up now.

    Returns:
        The pixels, row by row, in the machine's order of bytes.

    Raises:
        RuntimeError: the frame is damaged, or in colour.
    """
    from imagecodecs import jpegls_decode

    pixels = jpegls_decode(source)
    if pixels.ndim != 2:
        raise RuntimeError(f"JPEG-LS frame of shape {pixels.shape}: must be grey")
    runner.set_option("bits_allocated", 8 * pixels.itemsize)
    return bytes(pixels.data)


def use_imagecodecs() -> None:
    """Make the decoder known to pydicom; again does no harm."""
    for decoder in (JPEGLSLosslessDecoder, JPEGLSNearLosslessDecoder):
        known = decoder.available_plugins
        if NAME not in known and is_available(decoder.UID):
            decoder.add_plugin(NAME, (__name__, decode_frame.__name__))
