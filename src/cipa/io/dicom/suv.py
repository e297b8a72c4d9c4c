"""From PET as the scanner stored it to SUV normalised by body weight, slice by slice.

    SUV = Bq/mL * weight[g] / (dose[Bq] * 2^(-(reference time - injection) / half-life))

The reference time is the one that the stored values are decay corrected to (DICOM PS3.3, C.8.9.1, Decay
Correction): the scan's start (START), the injection (ADMIN), or none, when every slice holds the mean
activity while its own frame was acquired (NONE). Enhanced PET names the moment. What cannot be known from the
headers is an error, never a guess; what contradicts something else is a warning.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.injection import find_injection
from cipa.io.dicom.suv_checks import (
    PHILIPS,
    PHILIPS_BQML,
    PHILIPS_SUV,
    decay_warnings,
    philips_warnings,
    series_warnings,
)
from cipa.io.dicom.suv_tags import (
    dose_warnings,
    find_dose,
    find_tracer,
    find_weight,
    read_frame_seconds,
    require_same_text,
)
from cipa.io.dicom.tags import name_of, private_number, text
from cipa.io.dicom.time_tags import find_zone
from cipa.io.dicom.times import REFERENCE, Moment, find_reference, read_acquisition
from cipa.io.dicom.tracer import UNKNOWN, Tracer, read_half_life, read_tracer, uptake_warnings


@dataclass(frozen=True)
class SuvScale:
    """What stored PET values, after their own rescale, are multiplied by to become SUV.

    Attributes:
        factors: float64 (slices,), in the order of the headers; SUV per stored unit.
        how: the numbers it was computed from and where they stood, one line.
        warnings: what was assumed or contradicts something else, one line each.
        tracer: what was injected.
        uptake_minutes: from the injection to the start of the scan, None where it is not known.
    """

    factors: npt.NDArray[np.float64]
    how: str
    warnings: tuple[str, ...] = ()
    tracer: Tracer = UNKNOWN
    uptake_minutes: float | None = None


def compute_suv_scale(
    headers: Sequence[Dataset],
    weight_kg: float | None = None,
    dose_mbq: float | None = None,
    series: Sequence[Dataset] | None = None,
) -> SuvScale:
    """Compute the body-weight SUV factor of every slice of a PET series.

    Args:
        headers: slices of the series, in the order wanted.
        weight_kg: the patient's weight, in place of Patient's Weight (0010,1030).
        dose_mbq: injected activity at the time of injection, in place of Radionuclide Total Dose (0018,1074).
        series: all slices of the series where `headers` are those of some of its time frames: the earliest
            acquisition among all of them counts.

    Returns:
        A factor a slice.

    Raises:
        DataError: a tag that is needed is missing, malformed or cannot be, named with what to do; Units are
            none of BQML, CNTS and GML; GML stands for another SUV than that by body weight.
    """
    units = require_same_text(headers, "Units").upper()
    if units == "GML":
        return _about_tracer(_already_suv(headers), headers, series)
    if units == "CNTS":
        return _from_counts(headers, weight_kg, dose_mbq, series)
    if units == "BQML":
        scale = _from_activity(headers, weight_kg, dose_mbq, series)
        return replace(scale, warnings=scale.warnings + philips_warnings(headers, scale.factors))
    raise DataError(f"{name_of('Units')} is {units!r}; export the PET in BQML, CNTS (Philips) or GML")


def _already_suv(headers: Sequence[Dataset]) -> SuvScale:
    kinds = {text(header, "SUVType").upper() for header in headers}
    if not kinds <= {"", "BW"}:
        raise DataError(
            f"{name_of('SUVType')} is {'/'.join(sorted(kinds))}, not BW (body weight); export PET in Bq/mL"
        )
    return SuvScale(np.ones(len(headers)), "Units GML: values are SUV by body weight already")


def _from_counts(
    headers: Sequence[Dataset],
    weight_kg: float | None,
    dose_mbq: float | None,
    series: Sequence[Dataset] | None,
) -> SuvScale:
    direct = [private_number(header, *PHILIPS, PHILIPS_SUV) or 0.0 for header in headers]
    if min(direct) > 0:
        how = "Units CNTS: Philips private SUV factor (7053,1000)"
        return _about_tracer(SuvScale(np.array(direct, dtype=np.float64), how), headers, series)
    activity = [private_number(header, *PHILIPS, PHILIPS_BQML) or 0.0 for header in headers]
    if min(activity) <= 0:
        raise DataError(
            "Units are CNTS and neither Philips private (7053,1000) nor (7053,1009) is there; export the PET "
            "with its private tags, or in Bq/mL"
        )
    scale = _from_activity(headers, weight_kg, dose_mbq, series)
    factors = scale.factors * np.array(activity, dtype=np.float64)
    how = f"Units CNTS: Philips private Bq/mL factor (7053,1009); {scale.how}"
    return replace(scale, factors=factors, how=how)


def _from_activity(
    headers: Sequence[Dataset],
    weight_kg: float | None,
    dose_mbq: float | None,
    series: Sequence[Dataset] | None,
) -> SuvScale:
    item = find_tracer(headers)
    weight, dose = find_weight(headers, weight_kg), find_dose(item, dose_mbq)
    grams = 1000 * weight
    given = f"weight {weight:g} kg{_by_user(weight_kg)}, dose {dose / 1e6:g} MBq{_by_user(dose_mbq)}"
    correction = require_same_text(headers, "DecayCorrection").upper()
    warnings = series_warnings(headers[0], series is not None) + dose_warnings(headers[0], weight, dose)
    if correction == "ADMIN":
        scale = SuvScale(
            np.full(len(headers), grams / dose), f"{given}, decay corrected to injection (ADMIN)"
        )
        return _about_tracer(replace(scale, warnings=warnings), headers, series)
    if correction not in ("START", "NONE"):
        raise DataError(
            f"{name_of('DecayCorrection')} is {correction!r}, not START, ADMIN or NONE; correct that tag"
        )
    timing = _read_timing(headers, item, series)
    scan, injected, half_life = timing.scan, timing.injected, timing.half_life
    given += f", half-life {half_life:g} s, injected {injected}"
    if correction == "START":
        left = 2 ** (-(scan.when - injected.when).total_seconds() / half_life)
        factors, how = (
            np.full(len(headers), grams / (dose * left)),
            f"{given}, {_reference_words(scan)} {scan}",
        )
        warnings += timing.warnings + scan.warnings
        warnings += decay_warnings(headers, timing.began, scan.when, half_life)
    else:
        elapsed = [(one - injected.when).total_seconds() for one in timing.began]
        if min(elapsed) < 0:
            raise DataError(f"injected {injected}, after a frame began to be acquired; correct that tag")
        frames = zip(elapsed, map(read_frame_seconds, headers), strict=True)
        remaining = np.array([_mean_activity(start, length, half_life) for start, length in frames])
        factors, how = grams / (dose * remaining), f"{given}, not decay corrected (NONE): a factor a slice"
        warnings += timing.warnings
    tracer = read_tracer(item)
    warnings += uptake_warnings(tracer, timing.uptake_minutes)
    return SuvScale(factors, how, warnings, tracer, timing.uptake_minutes)


@dataclass(frozen=True)
class _Timing:
    """When things happened, and what is doubtful about that.

    Attributes:
        scan: what values corrected for decay are corrected to.
        injected: the injection.
        began: each slice.
        half_life: seconds.
        warnings: a line each.
        uptake_minutes: from the injection to the start of the scan, or of the first frame of those read.
    """

    scan: Moment
    injected: Moment
    began: tuple[datetime, ...]
    half_life: float
    warnings: tuple[str, ...]
    uptake_minutes: float


def _read_timing(headers: Sequence[Dataset], item: Dataset, series: Sequence[Dataset] | None) -> _Timing:
    half_life, doubtful = read_half_life(item)
    whole = headers if series is None else series
    scan, acquired = find_reference(whole, read_acquisition(whole))
    moments = dict(zip(map(id, whole), acquired.began, strict=True))
    began = tuple(moments[id(header)] for header in headers)
    is_by_scan = series is None and scan.tag != name_of(REFERENCE)
    first, last = (scan.when,) * 2 if is_by_scan else (min(began), max(began))
    injected = find_injection(item, last, half_life, find_zone(headers[0]))
    warnings = doubtful + acquired.warnings + injected.warnings
    uptake = (first - injected.when) / timedelta(minutes=1)
    return _Timing(scan, injected, began, half_life, warnings, uptake)


def _about_tracer(scale: SuvScale, headers: Sequence[Dataset], series: Sequence[Dataset] | None) -> SuvScale:
    """Add what can be told of tracer and uptake where the factor does not depend on them."""
    tracer, minutes = UNKNOWN, None
    with suppress(DataError):
        item = find_tracer(headers)
        tracer = read_tracer(item)
        minutes = _read_timing(headers, item, series).uptake_minutes
    warnings = scale.warnings + uptake_warnings(tracer, minutes)
    return replace(scale, tracer=tracer, uptake_minutes=minutes, warnings=warnings)


def _mean_activity(start: float, length: float, half_life: float) -> float:
    """Return the part of the injected activity left, as a mean over a frame of `length` s from `start` s."""
    decays = math.log(2) * length / half_life
    return 2 ** (-start / half_life) * -math.expm1(-decays) / decays


def _reference_words(scan: Moment) -> str:
    return "decay corrected to" if scan.tag == name_of(REFERENCE) else "scan began"


def _by_user(given: float | None) -> str:
    return "" if given is None else " (given)"
