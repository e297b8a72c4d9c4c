"""From series to volumes: CT in HU, PET in SUV, decoded slice by slice on several threads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError
from cipa.io.dicom.decoding import decode_slice, decoding_warnings
from cipa.io.dicom.frame_choice import frame_facts, frame_lines, frame_range, frame_weights, take_frames
from cipa.io.dicom.series import Series
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.study import PIXEL_THREADS, Study, choose_pair, reading_threads
from cipa.io.dicom.suv import SuvScale, compute_suv_scale
from cipa.io.dicom.tags import name_of, number
from cipa.io.dicom.time_frames import TimeFrame
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
        ct_slices: the CT's files in the order of its third axis, without those left out; of a mean of time
            frames, those of the first.
        pet_slices: the PET's files that were read, of all time frames used.
        scale: the SUV factor of each PET slice read, and how it was computed.
        warnings: what was left out, clipped, assumed or contradicts something else, one line each.
        frames: which time frames of a dynamic or gated CT and PET were used, for JSON, by `ct` and `pet`.
    """

    ct: Volume
    pet: Volume
    ct_series: Series
    pet_series: Series
    ct_slices: tuple[Slice, ...]
    pet_slices: tuple[Slice, ...]
    scale: SuvScale
    warnings: tuple[str, ...]
    frames: Mapping[str, dict[str, object]]


@quiet()
def read_pet_ct(
    study: Study,
    ct_series: str | None = None,
    pet_series: str | None = None,
    weight_kg: float | None = None,
    dose_mbq: float | None = None,
    frame: int | None = None,
    sum_frames: Sequence[int] | None = None,
) -> PetCt:
    """Read the CT and the PET of a study.

    Args:
        study: as `read_study` gave it.
        ct_series: as `choose_pair` takes it.
        pet_series: as `choose_pair` takes it.
        weight_kg: as `compute_suv_scale` takes it.
        dose_mbq: as `compute_suv_scale` takes it.
        frame: number of the time frame to read of a dynamic or gated series, from 1.
        sum_frames: first and last of several, whose mean is read instead, weighted by how long each was
            acquired. Activity is corrected for decay before, frame by frame, to one moment for all.

    Returns:
        Both volumes in one world; no line of it holds the patient's identity.

    Raises:
        DataError: as `choose_pair`, `take_frames`, `compute_suv_scale` and `read_series`; the line begins
            with the study's source and holds no identity.
        UsageError: as `frame_range`.
    """
    wanted = frame_range(frame, sum_frames)
    ct, pet = choose_pair(study, ct_series, pet_series, wanted is not None)
    try:
        if wanted and not ct.frames and not pet.frames:
            raise DataError(f"{wanted}: neither {ct.title} nor {pet.title} has several time frames")
        taken = {"ct": take_frames(ct, wanted), "pet": take_frames(pet, wanted)}
        pet_slices = [one for each in taken["pet"] for one in each.slices]
        headers = [one.header for one in pet_slices]
        series = [one.header for one in pet.slices] if pet.frames else None
        scale = _scrub_scale(compute_suv_scale(headers, weight_kg, dose_mbq, series), study)
        ones = np.ones(sum(len(one.slices) for one in taken["ct"]))
        ct_volume, ct_slices, ct_lines = _read_frames(ct, taken["ct"], ones)
        pet_volume, _, pet_lines = _read_frames(pet, taken["pet"], scale.factors)
    except DataError as error:
        line = study.secrets.scrub(str(error))
        raise DataError(f"{study.source}: {line}") from None  # a traceback would show the line as it was
    finally:
        for file in {one.file for one in (*ct.slices, *pet.slices) if one.file}:
            file.release()
    ct_volume, pet_volume = (
        replace(volume, name=f"{study.source}: {volume.name}") for volume in (ct_volume, pet_volume)
    )
    lines = scale.warnings + ct_lines + pet_lines + _weights_that_differ(ct, pet, weight_kg)
    frames = {"ct": frame_facts(ct, taken["ct"]), "pet": frame_facts(pet, taken["pet"])}
    return PetCt(ct_volume, pet_volume, ct, pet, ct_slices, tuple(pet_slices), scale, lines, frames)


def _read_frames(
    series: Series, frames: Sequence[TimeFrame], factors: npt.NDArray[np.float64]
) -> tuple[Volume, tuple[Slice, ...], tuple[str, ...]]:
    """Read one frame, or the weighted mean of several.

    Args:
        series: without problems.
        frames: which of it.
        factors: (frames x slices,), as `read_series` takes them.

    Returns:
        The volume, the slices of the first frame in it, and what `read_series` says of each frame.

    Raises:
        DataError: as `read_series`; frames lack different slices.
    """
    weights = frame_weights(series, frames)
    lines: dict[str, None] = dict.fromkeys(frame_lines(series, frames))
    total: npt.NDArray[np.float64] | None = None
    runs = []
    for one, own, weight in zip(frames, np.split(factors, len(frames)), weights, strict=True):
        volume, run, said = read_series(replace(series, slices=one.slices, frames=()), own)
        runs.append(run)
        lines |= dict.fromkeys(said)
        if run != runs[0]:
            raise DataError(
                f"{series.title}: time frames {frames[0].number} and {one.number} lack different slices"
            )
        if len(frames) == 1:
            break
        total = np.zeros(volume.array.shape) if total is None else total
        total += volume.array * weight[run]
    if total is not None:
        volume = replace(volume, array=(total / weights[:, runs[0]].sum(axis=0)).astype(np.float32))
    return volume, frames[0].slices[runs[0]], tuple(lines)


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
            f"{series.title}: the pixels of {len(bad)} slices cannot be decoded, {bad[0]} for one, which "
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
