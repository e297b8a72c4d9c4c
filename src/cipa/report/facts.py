"""How a study was acquired and computed, as rows of words for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Row = tuple[str, str, str]
"""Group, name and value."""

GROUPS = {
    "ct": "CT",
    "pet": "PET",
    "suv": "SUV",
    "given": "Given by user",
    "model": "Model",
    "options": "Options",
    "": "Run",
}
"""Groups of `Prediction.facts` in the order they are shown; others follow under their own names."""

NAMES = {
    "vendor": "manufacturer",
    "spacing_mm": "voxel x × y × z, mm",
    "shape": "voxels along x × y × z",
    "factor": "SUV per stored unit",
    "range": "lowest to highest",
    "how": "how it was computed",
    "tta": "test-time augmentation",
    "version": "CIPA version",
    "seconds": "computing time, s",
    "crm": "CRM",
    "dcim": "DCIM",
    "suv_max": "SUV shown white to the network",
    "ct_window": "HU shown black and white to it",
    "fit": "how slices fit the image",
    "field_of_view": "field of view, mm",
    "image_size": "image size, pixels",
    "smallest_ml": "smallest lesion kept, mL",
    "shortest_mm": "shortest lesion kept, mm",
    "min_suv": "least SUVmax of a lesion",
    "keep_all": "implausible lesions kept",
    "inputs": "shown to the network",
    "digest": "fingerprint of the weights",
    "source": "fingerprint of the study",
    "uptake_minutes": "from injection to scan, min",
    "threshold": "threshold, probability",
    "weight_kg": "weight, kg",
    "dose_mbq": "injected activity, MBq",
    "ct_series": "CT series",
    "pet_series": "PET series",
    "height_m": "height, m",
    "liver_mm": "centre of the liver region, mm (LPS)",
    "blood_pool_mm": "centre of the blood pool region, mm (LPS)",
    "show_id": "patient ID shown",
}
DIGITS = {"spacing_mm": 3, "factor": 5, "seconds": 3, "range": 4}
"""Significant digits of numbers that are measured; of others, as many as they have, up to six."""
RANGES = ("range", "ct_window")
LEFT_OUT = ("study", "factors", "patient", "examination", "sul", "reference")
"""The page has study, patient, examination and regions of reference elsewhere; a factor a slice is for
machines, their mean stands as `factor`."""


def tracer_line(suv: Mapping[str, Any]) -> str:
    """Say in a line what was injected and how long before the scan.

    Args:
        suv: as `cipa.io.dicom.summary.suv_facts`; of PET that came in SUV without a header, `how` alone.

    Returns:
        The line, empty where there is no header that could tell.
    """
    if "tracer" not in suv:
        return ""
    name, nuclide, minutes = suv["tracer"], suv["nuclide"], suv["uptake_minutes"]
    what = f"{name} ({nuclide})" if name and nuclide else name or nuclide or "not named in the header"
    when = "uptake time not known" if minutes is None else f"scanned {minutes:.0f} min after the injection"
    return f"{what}, {when}"


def fact_rows(facts: Mapping[str, Any]) -> list[Row]:
    """Lay out the facts of a prediction.

    Args:
        facts: as `Prediction.facts`: plain values, or one level of mappings of them.

    Returns:
        A row a value; None and empty values are left out.
    """
    rows = [row for key, value in facts.items() if key not in LEFT_OUT for row in _rows(key, value)]
    order = list(GROUPS.values())
    return sorted(rows, key=lambda row: order.index(row[0]) if row[0] in order else len(order))


def _rows(key: str, value: Any) -> Iterator[Row]:
    if isinstance(value, Mapping):
        group = GROUPS.get(key, key.replace("_", " "))
        for name, inner in value.items():
            if name not in LEFT_OUT and inner not in (None, "", [], {}):
                between = " to " if name in RANGES else " × "
                yield group, _name(name), _words(inner, between, DIGITS.get(name, 6))
    elif value not in (None, "", []):
        yield GROUPS[""], _name(key), _words(value, digits=DIGITS.get(key, 6))


def _name(key: str) -> str:
    return NAMES.get(key, key.replace("_", " "))


def _words(value: Any, between: str = " × ", digits: int = 6) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{_name(str(key))} {_words(inner)}" for key, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        numeric = all(isinstance(inner, int | float) for inner in value)
        return (between if numeric else ", ").join(_words(inner, digits=digits) for inner in value)
    return str(value)
