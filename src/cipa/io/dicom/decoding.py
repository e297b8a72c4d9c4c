"""Slices of a series decoded one by one on several threads, and what was odd about them together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cipa.io.dicom.pixels import read_pixels
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.stored_bits import Stored, padding_range
from cipa.io.dicom.tags import name_of, number, value
from cipa.text import plural

AIR_HU = -1024.0
"""What padding is in CT, unless it is below already: black in any window."""

TISSUE_HU = (-1000.0, 3071.0)
"""Padding that stands for these HU would be taken for air wherever the body has them, and is not believed."""


@dataclass(frozen=True)
class Decoded:
    """What became of one slice.

    Attributes:
        is_good: its pixels could be decoded.
        has_other_bits: bits beside the value were set, and are left out.
        negative: values of a PET below 0, which were set to 0.
        lowest: the lowest value before that.
        is_outside: pixels lie outside Smallest and Largest Image Pixel Value.
    """

    is_good: bool
    has_other_bits: bool = False
    negative: int = 0
    lowest: float = 0.0
    is_outside: bool = False


def decode_slice(one: Slice, factor: float, target: npt.NDArray[np.generic]) -> Decoded:
    """Write the values of one slice, rescaled and times `factor`, into `target` (rows, columns).

    Padding becomes air in CT and 0 in PET, and what is below 0 in PET becomes 0.
    """
    slope, intercept = (number(one.header, name) for name in ("RescaleSlope", "RescaleIntercept"))
    assert slope is not None  # checked when the series was made
    assert intercept is not None
    try:
        stored = read_pixels(one)
    except (
        Exception
    ):  # damage makes pydicom and the decoders raise almost anything; the caller names the file
        return Decoded(False)
    if stored.pixels.shape != target.shape:
        return Decoded(False)
    values: npt.NDArray[np.float64] = np.multiply(stored.pixels, slope, dtype=np.float64)
    values += intercept
    values *= factor
    is_pet = is_of_pet(one.header)
    if stored.is_padding is not None and padding_problem(one.header) is None:
        padded = np.zeros(()) if is_pet else np.minimum(values[stored.is_padding], AIR_HU)
        values[stored.is_padding] = padded
    lowest = float(values.min()) if is_pet else 0.0
    negative = 0
    if lowest < 0:
        negative = int(np.count_nonzero(values < 0))
        np.maximum(values, 0, out=values)
    target[...] = np.clip(values, -32768, 32767, out=values) if target.dtype == np.int16 else values
    return Decoded(True, stored.has_other_bits, negative, lowest, _is_outside(one.header, stored))


def decoding_warnings(title: str, header: Dataset, found: Sequence[Decoded], voxels: int) -> tuple[str, ...]:
    """Say what was odd about the slices of a series, one line each."""
    lines = []
    spilled = sum(one.has_other_bits for one in found)
    if spilled:
        lines.append(
            f"{title}: in {plural(spilled, 'slice')}, bits beyond {name_of('BitsStored')} are set and "
            "left out"
        )
    outside = sum(one.is_outside for one in found)
    if outside:
        lines.append(
            f"{title}: pixels of {plural(outside, 'slice')} lie outside "
            f"{name_of('SmallestImagePixelValue')} and {name_of('LargestImagePixelValue')}: are they "
            "as the scanner made them?"
        )
    problem = padding_problem(header)
    if problem:
        lines.append(f"{title}: {problem}")
    negative = sum(one.negative for one in found)
    if negative:
        lowest = min(one.lowest for one in found)
        lines.append(
            f"{title}: {plural(negative, 'voxel')} ({negative / voxels:.2%}) below 0, "
            f"the lowest SUV {lowest:.3g}: taken as 0"
        )
    return tuple(lines)


def padding_problem(header: Dataset) -> str | None:
    """Say why the padding that a header tells of is not left out, or None where it is or there is none."""
    ends = padding_range(header)
    if ends is None:
        return None
    slope, intercept = number(header, "RescaleSlope") or 1.0, number(header, "RescaleIntercept") or 0.0
    low, high = sorted(one * slope + intercept for one in ends)
    allowed = (0.0, 32766 * abs(slope)) if is_of_pet(header) else TISSUE_HU
    if high <= allowed[0] or low > allowed[1]:
        return None
    what = "activity" if is_of_pet(header) else "tissue"
    name = name_of("PixelPaddingValue")
    return f"{name} {ends[0]} is a value that {what} has too, and is not taken as padding"


def is_of_pet(header: Dataset) -> bool:
    """Tell whether a slice is of PET."""
    return str(value(header, "Modality") or "").strip().upper() == "PT"


def _is_outside(header: Dataset, stored: Stored) -> bool:
    lowest, highest = (value(header, f"{end}ImagePixelValue") for end in ("Smallest", "Largest"))
    if not isinstance(lowest, int) or not isinstance(highest, int) or lowest >= highest:
        return False
    pixels = stored.pixels if stored.is_padding is None else stored.pixels[~stored.is_padding]
    return bool(pixels.size) and bool(pixels.min() < lowest or pixels.max() > highest)
