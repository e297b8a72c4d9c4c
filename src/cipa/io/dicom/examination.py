"""What a report says of an examination: when, of whom in kilograms and metres, how the images were made.

Nothing of it names the patient. A value is used, absent, malformed or implausible; of the last three the
reason is kept, so that whoever leaves out what depends on the value can say why.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.clock import parse_date
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.suv_tags import find_dose, find_tracer, find_weight
from cipa.io.dicom.tags import MalformedTag, name_of, number, read_number, text, value_as_written
from cipa.io.dicom.volumes import PetCt

HEIGHT_M = (0.3, 2.6)
"""Heights believed to be metres."""

CENTIMETRES_FROM = 30.0
"""A height from here on is in centimetres: between 2.6 and 30 it is neither."""

SEXES = ("M", "F", "O")

TEXTS = {
    "reconstruction": "ReconstructionMethod",
    "filter": "ConvolutionKernel",
    "attenuation_correction": "AttenuationCorrectionMethod",
    "scatter_correction": "ScatterCorrectionMethod",
}
"""Of the PET, by the name in the facts."""


@dataclass(frozen=True)
class BodySize:
    """What lean body mass is computed from.

    Attributes:
        weight_kg: None where it is not known, as the two that follow.
        height_m: from Patient's Size (0010,1020), or as the user gave it.
        sex: M, F or O.
        absent: why one is not known, by its name, where the header does not hold it.
        doubtful: why, where the header holds what is malformed or implausible; worth a warning.
        warnings: what was assumed, one line each.
    """

    weight_kg: float | None = None
    height_m: float | None = None
    sex: str | None = None
    absent: dict[str, str] = field(default_factory=dict)
    doubtful: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@quiet()
def read_body_size(
    pet: Sequence[Dataset],
    ct: Dataset,
    weight_kg: float | None = None,
    height_m: float | None = None,
    sex: str | None = None,
) -> BodySize:
    """Read weight, height and sex: what the user gave, else the PET's header, else the CT's.

    Args:
        pet: headers of the PET's slices.
        ct: header of one of the CT's.
        weight_kg: given by the user, as `height_m` and `sex`.
        height_m: metres.
        sex: M, F or O.
    """
    absent: dict[str, str] = {}
    doubtful: dict[str, str] = {}
    warnings: list[str] = []

    def _keep(name: str, keyword: str, option: str, read: Callable[[], Any]) -> Any:
        try:
            found = read()
        except DataError as error:
            doubtful[name] = f"{str(error).partition(';')[0]}; give {option}"
            return None
        if found is None:
            absent[name] = f"{name_of(keyword)} is missing; give {option}"
        return found

    headers = (pet[0], ct)
    has_weight = weight_kg is not None or bool(value_as_written(pet[0], "PatientWeight"))
    return BodySize(
        weight_kg=_keep(
            "weight_kg",
            "PatientWeight",
            "--weight-kg",
            lambda: find_weight(pet, weight_kg) if has_weight else None,
        ),
        height_m=_keep(
            "height_m",
            "PatientSize",
            "--height-m",
            lambda: _check_height(height_m) if height_m is not None else _height(headers, warnings),
        ),
        sex=_keep("sex", "PatientSex", "--sex", lambda: _sex(headers, warnings) if sex is None else sex),
        absent=absent,
        doubtful=doubtful,
        warnings=tuple(warnings),
    )


@quiet()
def read_examination(pair: PetCt, size: BodySize, dose_mbq: float | None = None) -> dict[str, Any]:
    """Return what a report says of an examination, in JSON types; None where the headers do not say it.

    Args:
        pair: the study.
        size: of its patient.
        dose_mbq: activity at injection, given by the user.

    Returns:
        `date` (ISO 8601, of the study), `sex`, `weight_kg`, `height_m`, `tracer`, `nuclide`, `dose_mbq`,
        `uptake_minutes`, the keys of `TEXTS`, `ct_kernel` and `ct_kvp`; text without what names the patient.
    """
    pet, ct = pair.pet_series.header, pair.ct_series.header
    minutes = pair.scale.uptake_minutes
    return {
        "date": _date((pet, ct)),
        "sex": size.sex,
        "weight_kg": size.weight_kg,
        "height_m": None if size.height_m is None else round(size.height_m, 3),
        "tracer": pair.scale.tracer.name or None,
        "nuclide": pair.scale.tracer.nuclide or None,
        "dose_mbq": _dose(pair, dose_mbq),
        "uptake_minutes": None if minutes is None else round(minutes, 1),
        **{name: pair.pet_series.text(keyword) or None for name, keyword in TEXTS.items()},
        "ct_kernel": pair.ct_series.text("ConvolutionKernel") or None,
        "ct_kvp": number(ct, "KVP"),
    }


def _height(headers: Sequence[Dataset], warnings: list[str]) -> float | None:
    """Read the height in metres from the first header that has one."""
    keyword = "PatientSize"
    found = next((one for one in (read_number(header, keyword) for header in headers) if one), None)
    if found is not None and found >= CENTIMETRES_FROM:
        warnings.append(f"{name_of(keyword)} is {found:g}, which is taken as centimetres")
        found /= 100
    return None if found is None else _check_height(found)


def _check_height(height_m: float) -> float:
    if not HEIGHT_M[0] <= height_m <= HEIGHT_M[1]:
        raise DataError(f"{name_of('PatientSize')} is {height_m:g} m, which cannot be")
    return height_m


def _sex(headers: Sequence[Dataset], warnings: list[str]) -> str | None:
    keyword = "PatientSex"
    found = [one for one in (text(header, keyword).upper() for header in headers) if one]
    if found and found[0] not in SEXES:
        raise MalformedTag(f"{name_of(keyword)} is none of M, F and O")
    if len(set(found)) > 1:
        warnings.append(
            f"{name_of(keyword)} differs between PET and CT; that of the PET, {found[0]}, is taken"
        )
    return found[0] if found else None


def _date(headers: Sequence[Dataset]) -> str | None:
    """Return the day of the study, else of the series, of the first header that has one."""
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate"):
        for header in headers:
            day = parse_date(text(header, keyword))
            if day is not None:
                return day.isoformat()
    return None


def _dose(pair: PetCt, dose_mbq: float | None) -> float | None:
    try:
        item = find_tracer([one.header for one in pair.pet_series.slices])
        return round(find_dose(item, dose_mbq) / 1e6, 3)
    except DataError:  # SUV did not need it, or would have said so
        return dose_mbq
