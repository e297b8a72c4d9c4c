"""The numbers of an SUV, each from its tag or from the user; what is absent or cannot be is named."""

from collections.abc import Sequence

from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.tags import name_of, number, text, value

WEIGHT_KG = (0.3, 500.0)
"""Weights believed to be kilograms: below are headers in tonnes or placeholders, above grams."""

DOSE_BQ = (1e5, 1e12)
"""Doses believed to be becquerels: below are headers in MBq, mCi or placeholders."""


def tracer_of(header: Dataset) -> Dataset:
    """Return the item that describes the tracer.

    Raises:
        DataError: there is none, or more than one.
    """
    items = value(header, "RadiopharmaceuticalInformationSequence")
    name = name_of("RadiopharmaceuticalInformationSequence")
    if items is None:
        raise DataError(
            f"{name} is missing, with dose, half-life and injection; export the PET again with it"
        )
    if len(items) > 1:
        raise DataError(f"{name} holds {len(items)} tracers, SUV is of one; export a study of one")
    return items[0]


def weight_kg_of(header: Dataset, given: float | None) -> float:
    """Return the patient's weight in kg, `given` before Patient's Weight (0010,1030).

    Raises:
        DataError: there is none, or it cannot be kilograms.
    """
    weight = number(header, "PatientWeight") if given is None else given
    if weight is None:
        raise DataError(f"{name_of('PatientWeight')} is missing; give --weight-kg")
    if not WEIGHT_KG[0] <= weight <= WEIGHT_KG[1]:
        raise DataError(f"weight {weight:g} kg ({name_of('PatientWeight')}) cannot be; give --weight-kg")
    return weight


def dose_bq_of(tracer: Dataset, given_mbq: float | None) -> float:
    """Return the injected activity in Bq, `given_mbq` before Radionuclide Total Dose (0018,1074).

    Raises:
        DataError: there is none, or it cannot be becquerels.
    """
    dose = number(tracer, "RadionuclideTotalDose") if given_mbq is None else 1e6 * given_mbq
    if dose is None:
        raise DataError(f"{name_of('RadionuclideTotalDose')} is missing; give --dose-mbq")
    if not DOSE_BQ[0] <= dose <= DOSE_BQ[1]:
        raise DataError(f"dose {dose:g} Bq ({name_of('RadionuclideTotalDose')}) cannot be; give --dose-mbq")
    return dose


def half_life_of(tracer: Dataset) -> float:
    """Return the half-life in seconds.

    Raises:
        DataError: it is missing.
    """
    half_life = number(tracer, "RadionuclideHalfLife")
    if half_life is None or half_life <= 0:
        raise DataError(f"{name_of('RadionuclideHalfLife')} is missing; export the PET again with it")
    return half_life


def frame_seconds(header: Dataset) -> float:
    """Return how long the frame of a slice was acquired.

    Raises:
        DataError: it is missing.
    """
    milliseconds = number(header, "ActualFrameDuration")
    if milliseconds is None or milliseconds <= 0:
        raise DataError(
            f"{name_of('ActualFrameDuration')} is missing, which PET without decay correction needs; "
            "export the PET again with it"
        )
    return milliseconds / 1000


def shared_text(headers: Sequence[Dataset], keyword: str) -> str:
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
