"""From PET as the scanner stored it to SUV normalised by body weight, slice by slice.

    SUV = Bq/mL * weight[g] / (dose[Bq] * 2^(-(reference time - injection) / half-life))

The reference time is the one that the stored values are decay corrected to (DICOM PS3.3, C.8.9.1, Decay
Correction): the scan's start (START), the injection (ADMIN), or none, when every slice holds the mean
activity while its own frame was acquired (NONE). What cannot be known from the headers is an error, never a
guess.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.suv_tags import (
    dose_bq_of,
    frame_seconds,
    half_life_of,
    shared_text,
    tracer_of,
    weight_kg_of,
)
from cipa.io.dicom.tags import name_of, private_number, text
from cipa.io.dicom.times import acquisition, injection, scan_start

PHILIPS = (0x7053, "Philips PET Private Group")
"""Group and creator of Philips' private factors of values in counts."""

PHILIPS_SUV, PHILIPS_BQML = 0x00, 0x09
"""Elements (7053,1000), counts to SUV, and (7053,1009), counts to Bq/mL."""


@dataclass(frozen=True)
class SuvScale:
    """What stored PET values, after their own rescale, are multiplied by to become SUV.

    Attributes:
        factors: float64 (slices,), in the order of the headers; SUV per stored unit.
        how: the numbers it was computed from and where they stood, one line, no identity in it.
    """

    factors: npt.NDArray[np.float64]
    how: str


def suv_scale(
    headers: Sequence[Dataset], weight_kg: float | None = None, dose_mbq: float | None = None
) -> SuvScale:
    """Compute the body-weight SUV factor of every slice of a PET series.

    Args:
        headers: all slices of the series, in the order wanted; the earliest acquisition among them counts.
        weight_kg: the patient's weight, in place of Patient's Weight (0010,1030).
        dose_mbq: injected activity at the time of injection, in place of Radionuclide Total Dose (0018,1074).

    Returns:
        A factor a slice.

    Raises:
        DataError: a tag that is needed is missing or cannot be, named with what to do; Units are none of
            BQML, CNTS and GML; GML stands for another SUV than that by body weight.
    """
    units = shared_text(headers, "Units").upper()
    if units == "GML":
        return _already_suv(headers)
    if units == "CNTS":
        return _from_counts(headers, weight_kg, dose_mbq)
    if units == "BQML":
        return _from_activity(headers, weight_kg, dose_mbq)
    raise DataError(f"{name_of('Units')} is {units!r}; export the PET in BQML, CNTS (Philips) or GML")


def _already_suv(headers: Sequence[Dataset]) -> SuvScale:
    kinds = {text(header, "SUVType").upper() for header in headers}
    if not kinds <= {"", "BW"}:
        raise DataError(
            f"{name_of('SUVType')} is {'/'.join(sorted(kinds))}, not BW (body weight); export PET in Bq/mL"
        )
    return SuvScale(np.ones(len(headers)), "Units GML: values are SUV by body weight already")


def _from_counts(headers: Sequence[Dataset], weight_kg: float | None, dose_mbq: float | None) -> SuvScale:
    direct = [private_number(header, *PHILIPS, PHILIPS_SUV) for header in headers]
    if all(direct):
        how = "Units CNTS: Philips private SUV factor (7053,1000)"
        return SuvScale(np.array(direct, dtype=np.float64), how)
    activity = [private_number(header, *PHILIPS, PHILIPS_BQML) for header in headers]
    if not all(activity):
        raise DataError(
            "Units are CNTS and neither Philips private (7053,1000) nor (7053,1009) is there; export the PET "
            "with its private tags, or in Bq/mL"
        )
    scale = _from_activity(headers, weight_kg, dose_mbq)
    factors = scale.factors * np.array(activity, dtype=np.float64)
    return SuvScale(factors, f"Units CNTS: Philips private Bq/mL factor (7053,1009); {scale.how}")


def _from_activity(headers: Sequence[Dataset], weight_kg: float | None, dose_mbq: float | None) -> SuvScale:
    tracer = tracer_of(headers[0])
    grams = 1000 * weight_kg_of(headers[0], weight_kg)
    dose = dose_bq_of(tracer, dose_mbq)
    given = f"weight {grams / 1000:g} kg{_by_user(weight_kg)}, dose {dose / 1e6:g} MBq{_by_user(dose_mbq)}"
    correction = shared_text(headers, "DecayCorrection").upper()
    if correction == "ADMIN":
        return SuvScale(np.full(len(headers), grams / dose), f"{given}, decay corrected to injection (ADMIN)")
    half_life = half_life_of(tracer)
    scan = scan_start(headers)
    injected = injection(tracer, scan.when, half_life)
    given += f", half-life {half_life:g} s, injected {injected}"
    if correction == "START":
        left = 2 ** (-(scan.when - injected.when).total_seconds() / half_life)
        return SuvScale(np.full(len(headers), grams / (dose * left)), f"{given}, scan began {scan}")
    if correction == "NONE":
        elapsed = [(acquisition(header) - injected.when).total_seconds() for header in headers]
        frames = zip(elapsed, map(frame_seconds, headers), strict=True)
        remaining = np.array([_mean_activity(start, length, half_life) for start, length in frames])
        return SuvScale(grams / (dose * remaining), f"{given}, not decay corrected (NONE): a factor a slice")
    raise DataError(
        f"{name_of('DecayCorrection')} is {correction!r}, not START, ADMIN or NONE; correct that tag"
    )


def _mean_activity(start: float, length: float, half_life: float) -> float:
    """Return the part of the injected activity left, as a mean over a frame of `length` s from `start` s."""
    decays = math.log(2) * length / half_life
    return 2 ** (-start / half_life) * -math.expm1(-decays) / decays


def _by_user(given: float | None) -> str:
    return "" if given is None else " (given)"
