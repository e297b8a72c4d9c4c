"""The numbers of an SUV, each from its tag or from the user; what is missing or cannot be is named."""

from collections.abc import Sequence

from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.raw_values import find_element
from cipa.io.dicom.tags import MalformedTag, name_of, raw_bytes, read_number, text, value, values_as_written

WEIGHT_KG = (0.3, 500.0)
"""Weights believed to be kilograms: below are headers in tonnes or placeholders, above grams."""

DOSE_BQ = (1e6, 2e10)
"""Doses believed to be becquerels: below are headers in MBq, kBq, mCi or placeholders."""

MBQ_PER_KG = (0.2, 60.0)
"""Doses that are met: from zirconium-89 in adults to oxygen-15 and rubidium-82."""

BODY_MASS_INDEX = (8.0, 75.0)
"""kg/m2 believed to be of a patient: outside, weight is in pounds or height in another unit."""


TRACER = "RadiopharmaceuticalInformationSequence"

MUST_BE_SHARED = (
    *("RadionuclideTotalDose", "RadionuclideHalfLife"),
    *("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime"),
)
"""By the tracer of all slices."""


def find_tracer(headers: Sequence[Dataset]) -> Dataset:
    """Return the item that describes the tracer.

    Raises:
        DataError: there is none, or more than one, or slices differ in dose, half-life or injection.
    """
    distinct: dict[object, Dataset] = {}
    for index, header in enumerate(headers):
        raw = getattr(find_element(header, TRACER), "value", None)
        distinct.setdefault(raw if isinstance(raw, bytes) else index, header)  # parsed only if it differs
    items = [_find_item(header) for header in distinct.values()]
    for keyword in MUST_BE_SHARED:
        if len({values_as_written(item, keyword) for item in items}) > 1:
            raise DataError(f"{name_of(keyword)} differs between slices; export one series")
    return items[0]


def _find_item(header: Dataset) -> Dataset:
    items, name = value(header, TRACER), name_of(TRACER)
    if items is None:
        raise DataError(
            f"{name} is missing, with dose, half-life and injection; export the PET again with it"
        )
    if len(items) > 1:
        raise DataError(f"{name} holds {len(items)} tracers, SUV is of one; export a study of one")
    return items[0]


def find_weight(headers: Sequence[Dataset], weight_kg: float | None) -> float:
    """Return the patient's weight in kg, `weight_kg` before Patient's Weight (0010,1030).

    Raises:
        DataError: there is none, it is malformed, differs between slices, or cannot be kilograms.
    """
    name, weight = name_of("PatientWeight"), weight_kg
    if weight_kg is None:
        distinct = {raw_bytes(header, "PatientWeight"): header for header in headers}
        found = {_or_way_out(header, "PatientWeight", "--weight-kg") for header in distinct.values()}
        if len(found) > 1:
            raise DataError(f"{name} differs between slices; give --weight-kg")
        (weight,) = found
    if weight is None:
        raise DataError(f"{name} is missing; give --weight-kg")
    if not WEIGHT_KG[0] <= weight <= WEIGHT_KG[1]:
        raise DataError(f"weight {weight:g} kg ({name}) cannot be; give --weight-kg")
    return weight


def find_dose(tracer: Dataset, given_mbq: float | None) -> float:
    """Return the injected activity in Bq, `given_mbq` before Radionuclide Total Dose (0018,1074).

    Raises:
        DataError: there is none, it is malformed, or cannot be becquerels.
    """
    keyword = "RadionuclideTotalDose"
    dose = _or_way_out(tracer, keyword, "--dose-mbq") if given_mbq is None else 1e6 * given_mbq
    if dose is None:
        raise DataError(f"{name_of(keyword)} is missing; give --dose-mbq")
    if not DOSE_BQ[0] <= dose <= DOSE_BQ[1]:
        raise DataError(f"dose {dose:g} Bq ({name_of(keyword)}) cannot be; give --dose-mbq")
    return dose


def dose_warnings(header: Dataset, weight_kg: float, dose_bq: float) -> tuple[str, ...]:
    """Say where dose, weight and height do not fit each other, though each could be."""
    lines = []
    per_kg = dose_bq / 1e6 / weight_kg
    if not MBQ_PER_KG[0] <= per_kg <= MBQ_PER_KG[1]:
        lines.append(
            f"{name_of('RadionuclideTotalDose')} {dose_bq / 1e6:g} MBq at {weight_kg:g} kg is {per_kg:.3g} "
            "MBq/kg, which is unusual: are both right?"
        )
    try:
        height = read_number(header, "PatientSize")
    except MalformedTag:
        height = None
    if height and height > 0:
        metres = height / 100 if height > 3 else height
        index = weight_kg / metres**2
        if metres > 1.2 and not BODY_MASS_INDEX[0] <= index <= BODY_MASS_INDEX[1]:
            lines.append(
                f"weight {weight_kg:g} kg at {name_of('PatientSize')} {metres:g} m is a body mass index of "
                f"{index:.0f}, which is unusual: are both right?"
            )
    return tuple(lines)


def read_frame_seconds(header: Dataset) -> float:
    """Return how long the frame of a slice was acquired.

    Raises:
        DataError: it is missing or malformed.
    """
    milliseconds = read_number(header, "ActualFrameDuration")
    if milliseconds is None or milliseconds <= 0:
        raise DataError(
            f"{name_of('ActualFrameDuration')} is missing, which PET without decay correction needs; "
            "export the PET again with it"
        )
    return milliseconds / 1000


def require_same_text(headers: Sequence[Dataset], keyword: str) -> str:
    """Return a tag's value.

    Raises:
        DataError: a slice lacks it, or the slices do not share it.
    """
    found = {text(header, keyword) for header in headers}
    if "" in found:
        raise DataError(f"{name_of(keyword)} is missing; export the PET again with it")
    if len(found) > 1:
        values = ", ".join(sorted(found))
        raise DataError(f"{name_of(keyword)} differs between slices ({values}); export one series")
    return found.pop()


def _or_way_out(header: Dataset, keyword: str, option: str) -> float | None:
    """Read a number; the error for a malformed one says how to give it."""
    try:
        return read_number(header, keyword)
    except MalformedTag as error:
        raise MalformedTag(f"{str(error).partition(';')[0]}; give {option}") from error
