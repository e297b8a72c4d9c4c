"""metadata.json: how a data set was converted, enough to take its masks back.

    {"schema": 1, "cipa": "0.1.0", "size": 512, "fit": "auto", "slices": "all", "field_of_view_mm": 500.0,
     "ct_window_hu": [-1200.0, 200.0], "suv_max": 20.0, "pet_scaling": "linear", "label": null, "regions": [],
     "frame": null, "sum_frames": null, "numbering": "...", "split": {...}, "skipped": {"STS_009": "why"},
     "patients": {"STS001": {"name": "STS_001", "split": "train", "sources": {"ct": "STS_001/CT.nii.gz", ...},
                             "spacing_mm": [3.27, 0.977, 0.977],
                             "source_shape": [202, 198], "content_shape": [202, 198],
                             "numbers": [12, 13, ...], "slices_with_tumour": 40,
                             "grid": {...}, "warnings": []}}}

`spacing_mm` is z, y, x of the images (`cipa.data.spacing` reads it); the shapes are rows and columns of a
slice before and after resizing; `grid` is the CT's (`cipa.io.grid_record`).
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cipa.data.convert.outcome import Problem
from cipa.data.convert.patient import Recipe
from cipa.data.convert.sources import patient_id
from cipa.data.convert.split import SplitRule
from cipa.data.metadata import METADATA
from cipa.data.spacing import KEY, Spacing
from cipa.errors import DataError
from cipa.io.grid_record import check_grid_record
from cipa.io.plane import PlaneFit
from cipa.readers import excerpt, is_number, read_json
from cipa.version import __version__

SCHEMA = 1
MOST_SIDE, MOST_SLICES = 65_535, 100_000
"""Pixels of an image's side, and slices of a patient, that can be meant."""

NUMBERING = "place among the CT's axial slices from feet to head, 0 first; rows run to the back, columns left"


@dataclass(frozen=True)
class PatientRecord:
    """What is known of one converted patient.

    Attributes:
        patient: id in the data set.
        name: what the source calls the patient.
        split: the list that holds the slices.
        sources: file of the CT, the PET and the mask, below the folder they were found in.
        spacing: z, y, x of the images in mm.
        plane: how a slice lies on its image.
        numbers: slices written.
        slices_with_tumour: how many of them show tumour; None where a file of an earlier version is read.
        grid: the CT's grid, as `cipa.io.grid_record.grid_record` gives it.
        warnings: what looked wrong and was converted all the same.
    """

    patient: str
    name: str
    split: str
    sources: dict[str, str]
    spacing: Spacing
    plane: PlaneFit
    numbers: tuple[int, ...]
    grid: dict[str, Any]
    slices_with_tumour: int | None = None
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the record in types that JSON knows; id and image size stand outside it."""
        return {
            "name": self.name,
            "split": self.split,
            "sources": self.sources,
            KEY: list(self.spacing),
            "source_shape": list(self.plane.source),
            "content_shape": list(self.plane.content),
            "numbers": list(self.numbers),
            "slices_with_tumour": self.slices_with_tumour,
            "grid": self.grid,
            "warnings": list(self.warnings),
        }


def write_metadata(
    folder: Path, recipe: Recipe, rule: SplitRule, records: list[PatientRecord], skipped: tuple[Problem, ...]
) -> None:
    """Write metadata.json into the folder of a data set that is being made."""
    document = {
        "schema": SCHEMA,
        "cipa": __version__,
        "size": recipe.size,
        "fit": recipe.fit,
        "slices": recipe.slices,
        "field_of_view_mm": recipe.field_of_view,
        "ct_window_hu": list(recipe.ct_window),
        "suv_max": recipe.suv_max,
        "pet_scaling": recipe.pet_scaling,
        "label": recipe.label,
        "regions": list(recipe.regions),
        "frame": recipe.frame,
        "sum_frames": recipe.sum_frames,
        "numbering": NUMBERING,
        "split": asdict(rule),
        "skipped": {problem.name: problem.detail for problem in skipped},
        "patients": {record.patient: record.as_dict() for record in records},
    }
    text = json.dumps(document, indent=1, ensure_ascii=False)
    (folder / METADATA).write_text(text + "\n", encoding="utf-8", newline="\n")


def read_metadata(root: str | os.PathLike[str]) -> dict[str, PatientRecord]:
    """Read what a converted data set was made of.

    Args:
        root: the data set's folder.

    Returns:
        Records by patient id.

    Raises:
        DataError: there is no metadata.json, or it is not one of this schema.
    """
    path = Path(root) / METADATA
    document = read_json(path, "give the folder that `cipa convert` wrote, or convert the volumes again")
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise DataError(
            f"{path}: schema {excerpt(schema)}, this version reads {SCHEMA}; convert the volumes again"
        )
    try:
        size = _whole(document["size"], 1, MOST_SIDE)
        return {patient: _record(patient, size, entry) for patient, entry in document["patients"].items()}
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, DataError) as error:
        raise DataError(
            f"{path}: a damaged entry ({type(error).__name__}: {excerpt(error)}); convert the volumes again"
        ) from error


def _record(patient: str, size: int, entry: dict[str, Any]) -> PatientRecord:
    if patient != patient_id(patient):
        raise ValueError(f"{patient!r} is no patient's id")
    height, width = (_whole(length, 1, MOST_SIDE) for length in entry["source_shape"])
    rows, columns = (_whole(length, 1, size) for length in entry["content_shape"])
    z, y, x = (_edge(value) for value in entry[KEY])
    return PatientRecord(
        patient=patient,
        name=str(entry["name"]),
        split=str(entry["split"]),
        sources={str(kind): str(file) for kind, file in entry["sources"].items()},
        spacing=(z, y, x),
        plane=PlaneFit((height, width), (rows, columns), size),
        numbers=tuple(_whole(number, 0, MOST_SLICES) for number in entry["numbers"]),
        grid=check_grid_record(entry["grid"]),
        slices_with_tumour=_optional_count(entry.get("slices_with_tumour")),
        warnings=tuple(str(line) for line in entry["warnings"]),
    )


def _whole(value: Any, lowest: int, highest: int) -> int:
    if type(value) is not int or not lowest <= value <= highest:
        raise ValueError(f"{value!r} is no whole number from {lowest} to {highest}")
    return value


def _edge(value: Any) -> float:
    if not is_number(value) or value <= 0:
        raise ValueError(f"{value!r} is no length in mm")
    return float(value)


def _optional_count(value: Any) -> int | None:
    return None if value is None else _whole(value, 0, MOST_SLICES)
