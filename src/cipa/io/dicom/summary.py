"""What a study holds, as plain values for a table or JSON; no name, number or birth date of a patient."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cipa.errors import DataError
from cipa.io.checks import pair_warnings, region_warnings
from cipa.io.dicom.frame_choice import unchosen_frames
from cipa.io.dicom.seg import check_seg
from cipa.io.dicom.series import Series
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.study import Study, read_study
from cipa.io.dicom.syntax import compression_of
from cipa.io.dicom.time_frames import describe_frames
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
        `study`, `usable`, `series` (a row each), `suv` (None, or as `suv_facts`), `notes` (all that
        prediction will say) and `problems` (why it cannot be segmented).

    Raises:
        DataError: there is no study to speak of, as `read_study`.
    """
    study = read_study(path, folders)
    pair, problems = None, []
    lines: list[str] = []
    try:
        pair = read_pet_ct(study, **options)
        lines = pair_warnings(pair.ct, pair.pet) + region_warnings(
            pair.ct, pair.ct_series.text("BodyPartExamined")
        )
    except DataError as error:
        problems.append(str(error))
    start = f"{study.source}: "
    return {
        "study": study.source,
        "usable": not problems,
        "series": [_row(series, pair) for series in study.series],
        "suv": None if pair is None else suv_facts(pair),
        "notes": [line.removeprefix(start) for line in collect_warnings(study, pair) + lines],
        "problems": [line.removeprefix(start) for line in problems],
    }


def _unchosen(series: Series) -> list[str]:
    line = unchosen_frames(series)
    return [] if line is None else [line]


def _row(series: Series, pair: PetCt | None) -> dict[str, Any]:
    chosen = {"CT": pair.ct_series, "PET": pair.pet_series} if pair else {}
    use = next((use for use, other in chosen.items() if other is series), None)
    return {
        "number": series.number,
        "uid": series.text("SeriesInstanceUID"),
        "kind": series.modality,
        "description": series.text("SeriesDescription"),
        **vendor_of(series),
        "body_part": series.text("BodyPartExamined"),
        "compression": compression_of(series.header),
        "shape": list(series.shape),
        "spacing_mm": None if series.affine is None else list(spacing(series.affine)),
        "use": use,
        "problems": list(series.problems) or ([] if use else _unchosen(series)),
        "frames": [frame.row() for frame in series.frames],
        "frame_times": describe_frames(series.frames),
        "notes": list(series.warnings),
    }


@quiet()
def vendor_of(series: Series) -> dict[str, str]:
    """Return who made the scanner and what it is called."""
    keywords = {"vendor": "Manufacturer", "scanner": "ManufacturerModelName"}
    return {name: series.text(keyword) for name, keyword in keywords.items()}


def suv_facts(pair: PetCt) -> dict[str, Any]:
    """Return how SUV was computed, and of what.

    Returns:
        `factor` (mean over slices, SUV per stored unit), `factors` by slice, `how` they came about, `range`
        in SUV, `tracer` and `nuclide` (empty if the header does not name them), and `uptake_minutes` from
        injection to scan (None if not known).
    """
    scale = pair.scale
    return {
        "factor": float(np.mean(scale.factors)),
        "factors": scale.factors.tolist(),
        "how": scale.how,
        "range": [float(np.min(pair.pet.array)), float(np.max(pair.pet.array))],
        "tracer": scale.tracer.name,
        "nuclide": scale.tracer.nuclide,
        "uptake_minutes": None if scale.uptake_minutes is None else round(scale.uptake_minutes, 2),
    }


@quiet()
def collect_warnings(study: Study, pair: PetCt | None = None) -> list[str]:
    """Return what is odd about a study and does not keep it from being used, one line each.

    What a DICOM SEG of it will lack is among it.
    """
    damaged = [f"{name} cannot be read and is left out" for name in study.damaged]
    odd = [f"{series.title}: {line}" for series in study.series for line in series.warnings]
    if pair is None:
        return damaged + odd
    return damaged + odd + list(pair.warnings) + list(check_seg(pair.ct_slices))
