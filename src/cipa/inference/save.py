"""The files of a result: NIfTI, DICOM SEG, JSON and tables, in a folder that appears whole."""

import csv
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cipa.errors import DataError
from cipa.files import atomic_folder, refuse_occupied
from cipa.inference.result import DISCLAIMER, Prediction
from cipa.io.dicom.seg import write_seg
from cipa.io.nifti import write_volume
from cipa.lesions.measure import Lesion
from cipa.readers import read_json

MASK, PROBABILITY, SEG = "mask.nii.gz", "probability.nii.gz", "segmentation.dcm"
RESULT, LESIONS, PATIENT = "lesions.json", "lesions.csv", "patient.csv"
"""Names in a study's folder."""

NOTE = "CIPA tumour {}; research software, not a medical device"
"""Field `descrip` of the NIfTI files written."""

Writer = Callable[[Prediction, Path], object]
"""Writes more files of a result, such as its report, into the folder given."""


def save_prediction(
    prediction: Prediction, folder: Path, also: Sequence[Writer] = (), overwrite: bool = False
) -> Path:
    """Write a study's folder, which appears whole or not at all.

    In it: `mask.nii.gz` (uint8) and `probability.nii.gz` (float32) on the CT's grid; `segmentation.dcm`, a
    DICOM SEG, where the CT came from DICOM; `lesions.json`, everything but the voxels; `lesions.csv`, a row
    a lesion; `patient.csv`, one row. Only the SEG names the patient, as the CT does.

    Args:
        prediction: the result.
        folder: final name.
        also: what writes more files before the folder appears, such as the report.
        overwrite: replace an earlier result there.

    Returns:
        The folder.

    Raises:
        UsageError: something stands there that is no earlier result, or may not be replaced.
        DataError: the CT's headers do not do for DICOM SEG.
        OSError: the disk is full or the like; nothing is left under the name.
    """
    refuse_taken(folder, overwrite)
    with atomic_folder(folder) as partial:
        _write_tables(prediction, partial)
        with ThreadPoolExecutor(3) as pool:  # what compresses voxels lets the writers of pictures run
            jobs = _write_voxels(pool, prediction, partial)
            for write in also:
                write(prediction, partial)
            for job in jobs:
                job.result()
    return folder


def read_result(folder: Path) -> dict[str, Any] | None:
    """Return what an earlier `save_prediction` wrote as JSON, None where there is no such result."""
    try:
        found = read_json(folder / RESULT, "predict again")
    except (OSError, DataError):
        return None
    return found if isinstance(found, dict) and found.get("disclaimer") == DISCLAIMER else None


def refuse_taken(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that must not be written to.

    Raises:
        UsageError: a file stands there, or a folder that holds no earlier result, or one that is to be kept.
    """
    refuse_occupied(folder, "a result of cipa", lambda there: read_result(there) is not None, overwrite)


def write_table(path: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as CSV (RFC 4180), floats with seven significant digits, empty where there is no value."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _cell(row[name]) for name in columns})


def _write_tables(prediction: Prediction, folder: Path) -> None:
    (folder / RESULT).write_text(prediction.to_json(), encoding="utf-8")
    study = {"study": prediction.facts.get("study", "")}
    write_table(folder / LESIONS, [study | row for row in prediction.table()], LESION_COLUMNS)
    totals = prediction.totals()
    write_table(folder / PATIENT, [totals], list(totals))


def _write_voxels(pool: ThreadPoolExecutor, prediction: Prediction, folder: Path) -> list[Future[None]]:
    """Begin to write mask, probability and SEG; what goes wrong is in the futures."""
    facts = prediction.facts
    jobs = [
        pool.submit(write_volume, folder / name, array, prediction.ct, NOTE.format(what))
        for name, array, what in (
            (MASK, prediction.mask, "mask"),
            (PROBABILITY, prediction.probability, "probability"),
        )
    ]
    if prediction.source is not None:
        about = (facts["model"]["name"], facts["version"])
        jobs.append(
            pool.submit(write_seg, folder / SEG, prediction.mask, prediction.source.ct_slices, *about)
        )
    return jobs


def _cell(value: object) -> object:
    return f"{value:.7g}" if isinstance(value, float) else "" if value is None else value


LESION_COLUMNS = ("study", *Lesion(1, 0, 0.0, 0.0, 0.0, 0.0, 0.0, (0.0, 0.0, 0.0), (0, 0), 0.0).row())
"""Columns of `lesions.csv`, there also where no lesion is."""
