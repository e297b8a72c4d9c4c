"""From series to volumes: CT in HU, PET in SUV, decoded slice by slice on several threads."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError
from cipa.io.dicom.pixels import read_pixels
from cipa.io.dicom.series import Series, Slice
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.study import PIXEL_THREADS, Study, choose_pair, reading_threads
from cipa.io.dicom.suv import SuvScale, suv_scale
from cipa.io.dicom.tags import number
from cipa.io.volume import Volume


@dataclass(frozen=True)
class PetCt:
    """The pair of a study, ready for `cipa.inference`.

    Attributes:
        ct: HU, axes (column, row, slice).
        pet: body-weight SUV, float32, on its own grid.
        ct_series: where the CT came from.
        pet_series: where the PET came from.
        ct_slices: the CT's files in the order of its third axis, without those left out.
        scale: the SUV factor of each PET slice read, and how it was computed.
        notes: slices that were left out, one line each.
    """

    ct: Volume
    pet: Volume
    ct_series: Series
    pet_series: Series
    ct_slices: tuple[Slice, ...]
    scale: SuvScale
    notes: tuple[str, ...]


@quiet()
def read_pet_ct(
    study: Study,
    ct_series: str | None = None,
    pet_series: str | None = None,
    weight_kg: float | None = None,
    dose_mbq: float | None = None,
) -> PetCt:
    """Read the CT and the PET of a study.

    Args:
        study: as `read_study` gave it.
        ct_series: as `choose_pair` takes it.
        pet_series: as `choose_pair` takes it.
        weight_kg: as `suv_scale` takes it.
        dose_mbq: as `suv_scale` takes it.

    Returns:
        Both volumes in one world.

    Raises:
        DataError: as `choose_pair`, `suv_scale` and `read_series`; the line begins with the study's path.
    """
    ct, pet = choose_pair(study, ct_series, pet_series)
    try:
        scale = suv_scale([one.header for one in pet.slices], weight_kg, dose_mbq)
        ct_volume, kept, ct_notes = read_series(ct, np.ones(len(ct.slices)))
        pet_volume, _, pet_notes = read_series(pet, scale.factors)
    except DataError as error:
        raise DataError(f"{study.path}: {error}") from error
    ct_volume, pet_volume = (
        replace(volume, name=f"{study.path}: {volume.name}") for volume in (ct_volume, pet_volume)
    )
    return PetCt(ct_volume, pet_volume, ct, pet, ct.slices[kept], scale, ct_notes + pet_notes)


@quiet()
def read_series(series: Series, factors: npt.NDArray[np.float64]) -> tuple[Volume, slice, tuple[str, ...]]:
    """Decode a series and apply each slice's own rescale.

    Args:
        series: one without problems.
        factors: (slices,), what each slice is multiplied by after its rescale.

    Returns:
        The volume, int16 if all its values are integers that fit and float32 otherwise; the run of slices in
        it; and a note for each slice at either end that could not be decoded and was left out.

    Raises:
        DataError: a slice in the middle, or every one, cannot be decoded.
    """
    assert series.affine is not None  # no problems, so there is a grid
    dtype = _dtype(series, factors)
    columns, rows, count = series.shape
    stack = np.empty((count, rows, columns), dtype=dtype)
    with reading_threads(PIXEL_THREADS) as pool:
        good = np.array(list(pool.map(_decode, series.slices, factors, stack)))
    kept = np.flatnonzero(good)
    bad = [one.entry.name for one, fine in zip(series.slices, good, strict=True) if not fine]
    if len(kept) < 2 or kept[-1] - kept[0] + 1 != len(kept):
        raise DataError(
            f"{series.title}: the pixels of {len(bad)} files cannot be decoded, {bad[0]} for one, which "
            "leaves a gap; copy the study again"
        )
    notes = tuple(
        f"{series.title}: {name}, an outermost slice, cannot be decoded and is left out" for name in bad
    )
    affine = series.affine.copy()
    affine[:, 3] = series.affine @ [0.0, 0.0, float(kept[0]), 1.0]
    run = slice(int(kept[0]), int(kept[-1]) + 1)
    return Volume(stack[run].T, affine, None, series.title), run, notes


def _decode(one: Slice, factor: float, target: npt.NDArray[np.generic]) -> bool:
    """Write the values of one slice into `target` (rows, columns); False if its pixels are damaged."""
    slope, intercept = (number(one.header, name) for name in ("RescaleSlope", "RescaleIntercept"))
    assert slope is not None  # checked when the series was made
    assert intercept is not None
    try:
        pixels = read_pixels(one)
    except (
        Exception
    ):  # damage makes pydicom and the decoders raise almost anything; the caller names the file
        return False
    if pixels.shape != target.shape:
        return False
    values: npt.NDArray[np.float64] = np.multiply(pixels, slope, dtype=np.float64)
    values += intercept
    values *= factor
    target[...] = np.clip(values, -32768, 32767, out=values) if target.dtype == np.int16 else values
    return True


def _dtype(series: Series, factors: npt.NDArray[np.float64]) -> type[np.int16] | type[np.float32]:
    """Return int16 where whole rescale numbers and bits stored say that every value fits."""
    for one, factor in zip(series.slices, factors, strict=True):
        slope, intercept, bits, signed = (
            number(one.header, name) or 0.0
            for name in ("RescaleSlope", "RescaleIntercept", "BitsStored", "PixelRepresentation")
        )
        lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0.0, 2**bits - 1)
        ends = [(lowest * slope + intercept) * factor, (highest * slope + intercept) * factor]
        whole = float(slope * factor).is_integer() and float(intercept * factor).is_integer()
        if not whole or not 1 <= bits <= 16 or min(ends) < -32768 or max(ends) > 32767:
            return np.float32
    return np.int16
