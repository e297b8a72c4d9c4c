"""What a study holds, as plain values for a table or JSON; no name, number or birth date of a patient."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cipa.errors import DataError
from cipa.io.checks import doubts_of, doubts_of_region
from cipa.io.dicom.identity import scrubbed, secrets_of
from cipa.io.dicom.series import Series
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.study import Study, read_study
from cipa.io.dicom.syntax import compression_of
from cipa.io.dicom.tags import text
from cipa.io.dicom.volumes import PetCt, read_pet_ct
from cipa.io.orientation import spacing


@quiet()
def summarise(path: Path, folders: Sequence[Path] | None = None, **options: Any) -> dict[str, Any]:
    """Read a study as prediction would, pixels included, and say what was found.

    Args:
        path: folder or zip.
        folders: as `read_study` takes them.
        options: as `read_pet_ct` takes them.

    Returns:
        `study`, `usable`, `series` (a row each), `suv` (None, or `factor` as the mean over slices, `factors`
        by slice, `how` and `range`), `notes` (harmless) and `problems` (why it cannot be segmented).

    Raises:
        DataError: there is no study to speak of, as `read_study`.
    """
    study = read_study(path, folders)
    pair, problems = None, []
    doubts: list[str] = []
    try:
        pair = read_pet_ct(study, **options)
        part = text(pair.ct_series.header, "BodyPartExamined")
        doubts = doubts_of(pair.ct, pair.pet) + doubts_of_region(pair.ct, part)
    except DataError as error:
        problems.append(str(error).removeprefix(f"{path}: "))
    notes = notes_of(study, pair) + doubts
    secrets = secrets_of(study.series[0].header) if study.series else ()
    return {
        "study": str(path),
        "usable": not problems,
        "series": [_row(series, pair) for series in study.series],
        "suv": None if pair is None else suv_facts(pair),
        "notes": [scrubbed(line.removeprefix(f"{path}: "), secrets) for line in notes],
        "problems": [scrubbed(line, secrets) for line in problems],
    }


def _row(series: Series, pair: PetCt | None) -> dict[str, Any]:
    header = series.header
    chosen = {"CT": pair.ct_series, "PET": pair.pet_series} if pair else {}
    return {
        "number": series.number,
        "uid": text(header, "SeriesInstanceUID"),
        "kind": series.modality,
        "description": text(header, "SeriesDescription"),
        **vendor_of(series),
        "body_part": text(header, "BodyPartExamined"),
        "compression": compression_of(header),
        "shape": list(series.shape),
        "spacing_mm": None if series.affine is None else list(spacing(series.affine)),
        "use": next((use for use, other in chosen.items() if other is series), None),
        "problems": list(series.problems),
        "notes": list(series.notes),
    }


@quiet()
def vendor_of(series: Series) -> dict[str, str]:
    """Return who made the scanner and what it is called."""
    keywords = {"vendor": "Manufacturer", "scanner": "ManufacturerModelName"}
    return {name: text(series.header, keyword) for name, keyword in keywords.items()}


def suv_facts(pair: PetCt) -> dict[str, Any]:
    """Return the `factor` (mean over slices), `factors` by slice, `how` it came about, and `range` in SUV."""
    factors = pair.scale.factors
    return {
        "factor": float(np.mean(factors)),
        "factors": factors.tolist(),
        "how": pair.scale.how,
        "range": [float(np.min(pair.pet.array)), float(np.max(pair.pet.array))],
    }


@quiet()
def notes_of(study: Study, pair: PetCt | None = None) -> list[str]:
    """Return what is odd about a study and does not keep it from being used, one line each."""
    damaged = [f"{name} cannot be read and is left out" for name in study.damaged]
    odd = [f"{series.title}: {note}" for series in study.series for note in series.notes]
    return damaged + odd + list(pair.notes if pair else ())
