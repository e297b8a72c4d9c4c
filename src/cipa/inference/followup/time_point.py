"""One of the two studies: read, with its mask measured."""

import hashlib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cipa.errors import DataError, UsageError
from cipa.inference.inputs import read_input
from cipa.inference.measure import measure_mask
from cipa.inference.options import ReportOptions, StudyOptions
from cipa.inference.result import Prediction
from cipa.inference.save import MASK, read_result
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.tags import raw_bytes


@dataclass(frozen=True)
class Source:
    """Where a study and its mask are.

    Attributes:
        place: a folder of `cipa predict` or `cipa measure`, or a study.
        study: the study that a result was made of; None where `place` is a study.
        mask: the mask of a study; None where `place` is a result.
        regions: of a SEG or RTSTRUCT, names of what is tumour.
        liver_mm: centre of a sphere of 3 cm in healthy liver, LPS.
        blood_pool_mm: centre of a cylinder of 1 x 2 cm in the descending aorta, likewise.
    """

    place: Path
    study: Path | None = None
    mask: Path | None = None
    regions: tuple[str, ...] = field(default=())
    liver_mm: tuple[float, float, float] | None = None
    blood_pool_mm: tuple[float, float, float] | None = None


def read_time_point(source: Source) -> Prediction:
    """Read a study and measure its mask; a result's is measured again, with what was said of its study.

    Raises:
        DataError: as `read_input` and `measure_mask`.
        UsageError: a result without its study, or a study without a mask.
    """
    result = read_result(source.place)
    if result is None and source.mask is None:
        raise UsageError(f"{source.place}: no result of cipa; of a study, give its mask with --masks")
    if result is not None and source.study is None:
        raise UsageError(f"{source.place}: a result, which holds no images; give its study with --studies")
    given = {} if result is None else result["facts"].get("given", {})
    options, report = _options(given, source)
    place = source.study if result is not None else source.place
    mask = source.place / MASK if source.mask is None else source.mask
    try:
        return measure_mask(mask, read_input(place, options=options, report=report), regions=source.regions)
    except DataError as error:
        line = str(error)  # of an option that each study has
        raise DataError(f"{source.place}: {line}" if line.startswith("--") else line) from error


@quiet()
def patient_of(prediction: Prediction) -> str | None:
    """Return a hash that studies of one patient share; None where nothing tells who it is."""
    if prediction.source is None:
        return None
    header = prediction.source.ct_series.header
    number, birth = raw_bytes(header, "PatientID").strip(), raw_bytes(header, "PatientBirthDate").strip()
    return hashlib.sha256(number + b"\n" + birth).hexdigest() if number else None


def _options(given: dict[str, Any], source: Source) -> tuple[StudyOptions, ReportOptions]:
    """Return what was said of a result's study, and where its liver and blood are by now."""
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    study = {one.name: known[one.name] for one in fields(StudyOptions) if one.name in known}
    report = {one.name: known[one.name] for one in fields(ReportOptions) if one.name in known}
    for name in ("liver_mm", "blood_pool_mm"):
        if getattr(source, name) is not None:
            report[name] = getattr(source, name)
    return StudyOptions(**study), ReportOptions(**report)
