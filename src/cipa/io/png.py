"""Grey PNG images: one slice of CT or PET in, one mask or probability map out."""

import os
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from cipa.errors import DataError
from cipa.files import atomic_file
from cipa.readers import read_or_refuse, require_file

SIGNATURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
"""What every PNG begins with: its own eight bytes and its first chunk's head (W3C PNG, 5.2, 11.2.2)."""

MOST_SIDE = 4096
"""Pixels a side: eight times a CT's. A megabyte of PNG can hold 13,000."""

COLOUR_TYPES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGB with alpha"}

MOST_FILE_BYTES = 256 * 2**20
"""Four times what the largest image has unpacked."""


class _Header(NamedTuple):
    """The first fields of IHDR."""

    width: int
    height: int
    bits: int
    colour: int


def read_grey(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Read a grey PNG of up to 8 bits.

    A colour PNG is taken when its three channels are equal, which is how many viewers save grey images. Size
    and bit depth are those of the file's own header, judged before a pixel is decoded: libraries make 8 bits
    of 16-bit colour without a word.

    Args:
        path: the PNG file.

    Returns:
        uint8 (H, W), 0 to 255.

    Raises:
        DataError: the file is missing, is no PNG, is cut short, holds more than 8 bits a channel or more than
            4096 pixels a side, is in colour, animated or transparent.
    """
    path = Path(path)
    require_file(path, "give the name of a PNG image")
    _check(_header(path), path)
    image = read_or_refuse(
        path, "a PNG image, or one damaged or cut short", "export or copy it again", lambda: _decode(path)
    )
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise DataError(f"{path}: an animation of {frames} images; save one as 8-bit grey")
    if image.has_transparency_data:
        _require_opaque(image, path)
    if image.mode in ("L", "1"):
        return np.asarray(image.convert("L"))
    return _single_channel(np.asarray(image.convert("RGB")), path)


def write_grey(path: str | os.PathLike[str], image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> None:
    """Write a grey PNG of 8 or 16 bits, whole or not at all.

    Args:
        path: final name, ending in `.png`. Its folder is created.
        image: (H, W) of uint8, or of uint16 for maps that need the depth.

    Raises:
        OSError: the file cannot be written; nothing is left under its name.
    """
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a grey PNG is (H, W) of uint8 or uint16, not {image.shape} of {image.dtype}")
    with atomic_file(path) as partial:
        Image.fromarray(np.ascontiguousarray(image)).save(partial, format="PNG")


def _header(path: Path) -> _Header:
    with path.open("rb") as file:
        start = file.read(len(SIGNATURE) + 10)
    if not start.startswith(SIGNATURE) or len(start) < len(SIGNATURE) + 10:
        raise DataError(f"{path}: not a PNG image; export it as PNG")
    return _Header(*struct.unpack(">IIBB", start[len(SIGNATURE) :]))


def _check(header: _Header, path: Path) -> None:
    kind = COLOUR_TYPES.get(header.colour, f"colour type {header.colour}")
    if header.bits > 8:
        raise DataError(
            f"{path}: more than 8 bits a pixel ({header.bits} a channel, {kind}); scale it to 0-255 and "
            "save it as 8-bit grey"
        )
    if max(header.width, header.height) > MOST_SIDE:
        raise DataError(
            f"{path}: {header.width} x {header.height} pixels, which no slice has; save it with at most "
            f"{MOST_SIDE} a side"
        )
    if path.stat().st_size > MOST_FILE_BYTES:
        raise DataError(f"{path}: larger than any PNG image of its pixels; export it again")


def _decode(path: Path) -> Image.Image:
    with Image.open(path, formats=["PNG"]) as image:
        image.load()
        return image


def _require_opaque(image: Image.Image, path: Path) -> None:
    if np.asarray(image.convert("RGBA"))[..., 3].min() < 255:
        raise DataError(f"{path}: a transparent image; save it as 8-bit grey, without alpha")


def _single_channel(pixels: npt.NDArray[np.uint8], path: Path) -> npt.NDArray[np.uint8]:
    if np.any(pixels != pixels[..., :1]):
        raise DataError(f"{path}: a colour image; save it as 8-bit grey, without colour map or overlay")
    return np.ascontiguousarray(pixels[..., 0])
