"""From series to volumes: CT in HU, PET in SUV, decoded slice by slice on several threads."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError
from cipa.io.dicom.decoding import decode_slice, decoding_warnings
from cipa.io.dicom.series import Series
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.study import PIXEL_THREADS, Study, choose_pair, reading_threads
from cipa.io.dicom.suv import SuvScale, compute_suv_scale
from cipa.io.dicom.tags import name_of, number
from cipa.io.volume import MOST_VOXELS, Volume

LOWEST_PART = 0.3
"""Of the highest value of a PET: filtered back-projection undershoots by less; more are wrong signs."""


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
        warnings: what was left out, clipped, assumed or contradicts something else, one line each.
    """

    ct: Volume
    pet: Volume
    ct_series: Series
    pet_series: Series
    ct_slices: tuple[Slice, ...]
    scale: SuvScale
    warnings: tuple[str, ...]


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
        weight_kg: as `compute_suv_scale` takes it.
        dose_mbq: as `compute_suv_scale` takes it.

    Returns:
        Both volumes in one world; no line of it holds the patient's identity.

    Raises:
        DataError: as `choose_pair`, `compute_suv_scale` and `read_series`; the line begins with the study's
            source and holds no identity.
    """
    ct, pet = choose_pair(study, ct_series, pet_series)
    try:
        scale = _scrub_scale(
            compute_suv_scale([one.header for one in pet.slices], weight_kg, dose_mbq), study
        )
        ct_volume, kept, ct_lines = read_series(ct, np.ones(len(ct.slices)))
        pet_volume, _, pet_lines = read_series(pet, scale.factors)
    except DataError as error:
        line = study.secrets.scrub(str(error))
        raise DataError(f"{study.source}: {line}") from None  # a traceback would show the line as it was
    ct_volume, pet_volume = (
        replace(volume, name=f"{study.source}: {volume.name}") for volume in (ct_volume, pet_volume)
    )
    lines = scale.warnings + ct_lines + pet_lines + _weights_that_differ(ct, pet, weight_kg)
    return PetCt(ct_volume, pet_volume, ct, pet, ct.slices[kept], scale, lines)


@quiet()
def read_series(series: Series, factors: npt.NDArray[np.float64]) -> tuple[Volume, slice, tuple[str, ...]]:
    """Decode a series and apply each slice's own rescale.

    Args:
        series: one without problems.
        factors: (slices,), what each slice is multiplied by after its rescale.

    Returns:
        The volume, int16 if all its values are integers that fit and float32 otherwise; the run of slices in
        it; and a line for what was left out or clipped, such as a slice at either end that cannot be decoded.

    Raises:
        DataError: it has more voxels than any volume; a slice in the middle, or every one, cannot be decoded;
            a PET is far below 0.
    """
    assert series.affine is not None  # no problems, so there is a grid
    dtype = _dtype(series, factors)
    columns, rows, count = series.shape
    if rows * columns * count > MOST_VOXELS:
        raise DataError(
            f"{series.title}: {count} slices of {rows} x {columns}, more than {MOST_VOXELS} voxels; are "
            f"{name_of('Rows')} and {name_of('Columns')} right?"
        )
    stack = np.empty((count, rows, columns), dtype=dtype)
    with reading_threads(PIXEL_THREADS) as pool:
        found = list(pool.map(decode_slice, series.slices, factors, stack))
    kept = np.flatnonzero([one.is_good for one in found])
    bad = [series.name_file(one) for one, done in zip(series.slices, found, strict=True) if not done.is_good]
    if len(kept) < 2 or kept[-1] - kept[0] + 1 != len(kept):
        raise DataError(
            f"{series.title}: the pixels of {len(bad)} files cannot be decoded, {bad[0]} for one, which "
            "leaves a gap; copy the study again"
        )
    lines = tuple(
        f"{series.title}: {name}, an outermost slice, cannot be decoded and is left out" for name in bad
    )
    run = slice(int(kept[0]), int(kept[-1]) + 1)
    _refuse_wrong_sign(series, stack[run], min(one.lowest for one in found))
    lines += decoding_warnings(series.title, series.header, found, stack[run].size)
    affine = series.affine.copy()
    affine[:, 3] = series.affine @ [0.0, 0.0, float(kept[0]), 1.0]
    return Volume(stack[run].T, affine, None, series.title), run, lines


def _refuse_wrong_sign(series: Series, stack: npt.NDArray[np.generic], lowest: float) -> None:
    if lowest < 0 and -lowest > LOWEST_PART * float(stack.max()):
        raise DataError(
            f"{series.title}: lowest SUV {lowest:g} with highest {float(stack.max()):g}, which no "
            f"reconstruction makes; is {name_of('PixelRepresentation')} right?"
        )


def _scrub_scale(scale: SuvScale, study: Study) -> SuvScale:
    scrub = study.secrets.scrub
    return replace(
        scale,
        how=scrub(scale.how),
        warnings=tuple(map(scrub, scale.warnings)),
        tracer=replace(scale.tracer, name=scrub(scale.tracer.name)),
    )


def _weights_that_differ(ct: Series, pet: Series, weight_kg: float | None) -> tuple[str, ...]:
    weights = [number(series.header, "PatientWeight") for series in (ct, pet)]
    if weight_kg is not None or None in weights or weights[0] == weights[1]:
        return ()
    return (
        f"{name_of('PatientWeight')} is {weights[0]:g} kg in the CT and {weights[1]:g} kg in the PET, "
        "whose is taken",
    )


def _dtype(series: Series, factors: npt.NDArray[np.float64]) -> type[np.int16] | type[np.float32]:
    """Return int16 where whole rescale numbers and bits stored say that every value fits."""
    for one, factor in zip(series.slices, factors, strict=True):
        slope, intercept, bits, signed = (
            number(one.header, name) or 0.0
            for name in ("RescaleSlope", "RescaleIntercept", "BitsStored", "PixelRepresentation")
        )
        if not 1 <= bits <= 16:
            return np.float32
        lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0.0, 2**bits - 1)
        ends = [(lowest * slope + intercept) * factor, (highest * slope + intercept) * factor]
        whole = float(slope * factor).is_integer() and float(intercept * factor).is_integer()
        if not whole or min(ends) < -32768 or max(ends) > 32767:
            return np.float32
    return np.int16
