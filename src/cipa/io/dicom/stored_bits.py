"""The bits of a pixel that are its value (DICOM PS3.5, 8.1.1), and padding (PS3.3, C.7.5.1.1.2).

Of Bits Allocated, the Bits Stored up to High Bit hold the value; the others may hold anything, overlays among
it. A compressed frame whose samples are no wider than Bits Stored holds values alone, whatever High Bit says.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cipa.io.dicom.tags import name_of, number, value

ALLOCATED = (8, 16, 32)
"""Bits Allocated of grey images."""


@dataclass(frozen=True)
class Stored:
    """Pixels of one file.

    Attributes:
        pixels: (rows, columns), as stored: without rescale.
        is_padding: (rows, columns), pixels that Pixel Padding Value and its range mark; None where none is.
        has_other_bits: whether bits that are not of the value were set, and have been removed.
    """

    pixels: npt.NDArray[np.integer[Any]]
    is_padding: npt.NDArray[np.bool_] | None = None
    has_other_bits: bool = False


def bits_problem(header: Dataset) -> str | None:
    """Say what is wrong with the tags that tell how pixels are stored, or None."""
    allocated, stored = number(header, "BitsAllocated"), number(header, "BitsStored")
    high, signed = number(header, "HighBit"), number(header, "PixelRepresentation")
    if allocated not in ALLOCATED:
        return f"{name_of('BitsAllocated')} is {_show(allocated)}, not 8, 16 or 32; export the series again"
    if stored is None or not 1 <= stored <= allocated:
        return f"{name_of('BitsStored')} is {_show(stored)} of {allocated:g}; export the series again"
    if high is not None and not stored - 1 <= high < allocated:
        return (
            f"{name_of('HighBit')} is {_show(high)} with {stored:g} bits stored of {allocated:g}; export the "
            "series again"
        )
    if signed not in (0, 1):
        return f"{name_of('PixelRepresentation')} is {_show(signed)}, not 0 or 1; export the series again"
    return None


def take_stored_bits(pixels: npt.NDArray[np.integer[Any]], header: Dataset, precision: int | None) -> Stored:
    """Take the value out of each pixel.

    Args:
        pixels: (rows, columns) as decoded, every bit of them.
        header: one without `bits_problem`.
        precision: bits of a sample in a compressed frame, None where pixels are not compressed or run-length
            encoded, which keeps all bits.
    """
    stored = int(number(header, "BitsStored") or 0)
    high = number(header, "HighBit")
    signed = number(header, "PixelRepresentation") == 1
    shift = 0 if high is None else int(high) - stored + 1
    width = stored
    if precision is not None and precision <= stored:
        shift, width = 0, precision
    allocated = 8 * pixels.dtype.itemsize
    pixels = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("="))
    cells = pixels.view(f"u{pixels.dtype.itemsize}")
    spare = allocated - width
    if spare <= 0:
        taken = pixels.view(f"i{pixels.dtype.itemsize}") if signed else cells
    elif signed:  # to the top, so that the sign is the number's own, and back
        taken = (cells << (spare - shift)).view(f"i{pixels.dtype.itemsize}") >> spare
    else:
        taken = (cells >> shift) & cells.dtype.type(2**width - 1)
    padding = _padding(taken, cells, header, signed)
    return Stored(taken, padding, spare > 0 and _has_other_bits(taken, cells, width, shift, padding))


def padding_range(header: Dataset) -> tuple[int, int] | None:
    """Return the stored values from Pixel Padding Value to its range limit, None where nothing is padding."""
    first, last = (value(header, name) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit"))
    if not isinstance(first, int):
        return None
    last = last if isinstance(last, int) else first
    bits = int(number(header, "BitsAllocated") or 16)
    signed = number(header, "PixelRepresentation") == 1
    ends = sorted(_as_stored(one, bits, signed) for one in (first, last))
    return ends[0], ends[1]


def _has_other_bits(
    taken: npt.NDArray[np.integer[Any]],
    cells: npt.NDArray[np.integer[Any]],
    width: int,
    shift: int,
    padding: npt.NDArray[np.bool_] | None,
) -> bool:
    """Tell whether bits beside the value hold something: neither nothing nor its sign, and no padding."""
    own = cells.dtype.type((2**width - 1) << shift)
    others = (cells & ~own) != 0
    if not others.any():
        return False
    others &= (taken.view(cells.dtype) << shift) != cells
    return bool((others if padding is None else others & ~padding).any())


def _padding(
    taken: npt.NDArray[np.integer[Any]],
    cells: npt.NDArray[np.integer[Any]],
    header: Dataset,
    signed: bool,
) -> npt.NDArray[np.bool_] | None:
    """Find padding, by the value or, where padding is wider than a value can be, by the whole pixel."""
    ends = padding_range(header)
    if ends is None:
        return None
    whole = cells.view(f"i{cells.dtype.itemsize}") if signed else cells
    found = (whole >= ends[0]) & (whole <= ends[1])
    if number(header, "BitsStored") != 8 * cells.dtype.itemsize:
        found |= (taken >= ends[0]) & (taken <= ends[1])
    return found if found.any() else None


def _as_stored(found: int, bits: int, signed: bool) -> int:
    """Return a padding value by the pixels' own sign, whichever sign it was written with."""
    plain = found & (2**bits - 1)
    return plain - 2**bits if signed and plain >= 2 ** (bits - 1) else plain


def _show(found: float | None) -> str:
    return "missing" if found is None else f"{found:g}"
