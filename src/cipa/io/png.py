"""Grey PNG images: one slice of CT or PET in, one mask or probability map out."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from cipa.errors import DataError
from cipa.files import atomic_file

DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes of more than 8 bits a pixel."""


def read_grey(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Read an 8-bit grey PNG.

    A colour PNG is taken when its three channels are equal, which is how many viewers save grey images.

    Args:
        path: the PNG file.

    Returns:
        uint8 (H, W), 0 to 255.

    Raises:
        DataError: the file is missing, is no PNG, is cut short, holds more than 8 bits or is in colour.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; give the name of a PNG image")
    image = _decode(path)
    if image.mode in DEEP:
        raise DataError(
            f"{path}: more than 8 bits a pixel ({image.mode}); scale it to 0-255 and save it as 8-bit grey"
        )
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


def _decode(path: Path) -> Image.Image:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.load()
            return image
    except PermissionError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: not a PNG image; export it as PNG") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        # ValueError and SyntaxError are what Pillow raises for some damaged chunks
        raise DataError(f"{path}: damaged or cut short ({error}); export or copy it again") from error


def _single_channel(pixels: npt.NDArray[np.uint8], path: Path) -> npt.NDArray[np.uint8]:
    if np.any(pixels != pixels[..., :1]):
        raise DataError(f"{path}: a colour image; save it as 8-bit grey, without colour map or overlay")
    return np.ascontiguousarray(pixels[..., 0])
