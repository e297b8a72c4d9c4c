"""What `cipa view` is given: results to open, or a study from which an empty one is made."""

from pathlib import Path

import numpy as np

from cipa.errors import UsageError
from cipa.inference.dicom_objects import DEFAULT_OBJECTS
from cipa.inference.locations import read_location
from cipa.inference.measure import measure_labels
from cipa.inference.options import StudyOptions
from cipa.inference.revisions import REVISIONS
from cipa.inference.save import RESULT, read_result, refuse_foreign, write_labels
from cipa.io.location_cache import remember_location
from cipa.io.studies import StudyLocation, find_studies
from cipa.report.study import write_study_report
from cipa.view.catalogue import Catalogue
from cipa.view.studies import prepare_study

EMPTY = {"mask": "empty, to be drawn in cipa view"}
"""Fact of a result that no network made."""


def find_results(target: Path, out: Path | None, options: StudyOptions) -> Path:
    """Return the folder of results to open.

    Args:
        target: a result, a folder of results, or a study.
        out: result to make of a study; None with results.
        options: what the user says of a DICOM study that is opened without a result.

    Raises:
        UsageError: there is nothing to open, or `out` does not go with it.
        DataError: the study cannot be read.
    """
    if target.parent.name == REVISIONS and (target.parent.parent / RESULT).is_file():
        raise UsageError(f"{target}: one revision of a result; open the result, {target.parent.parent}")
    if target.is_dir() and Catalogue(target).places():
        if out is not None:
            raise UsageError(f"-o {out}: only for a study without a result, and {target} holds results")
        return target
    studies = find_studies(target) if target.exists() else []
    if not studies:
        raise UsageError(f"{target}: no result of cipa predict, no folder of results, and no study there")
    if out is None:
        raise UsageError(
            f"{target}: a study without a result; give -o RESULT to begin with an empty mask there, or run "
            f"cipa predict first"
        )
    if len(studies) > 1:
        raise UsageError(
            f"{target}: {len(studies)} studies; give one of them with -o RESULT, or run cipa predict"
        )
    return _begin(studies[0], out, options)


def _begin(place: StudyLocation, out: Path, options: StudyOptions) -> Path:
    """Make the result of a study with an empty mask, unless one of the same study stands there."""
    refuse_foreign(out)
    found = read_result(out)
    if found is not None:
        if found["facts"].get("source") != place.fingerprint:
            raise UsageError(f"-o {out}: holds the result of another study; name another folder")
        remember_location(place)
        return out
    pair = read_location(place, options)
    labels = np.zeros_like(pair.ct.array, dtype=np.uint16)
    prediction = measure_labels(labels, pair, dict(EMPTY), prepare_study(pair).lines)
    prediction.save(out, (write_study_report, write_labels), objects=DEFAULT_OBJECTS)
    remember_location(place)
    return out
