"""The files of a result: NIfTI, DICOM objects, JSON and tables, in a folder that appears whole."""

import csv
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError
from cipa.files import atomic_folder, refuse_occupied
from cipa.inference.dicom_objects import DEFAULT_OBJECTS, write_objects
from cipa.inference.optional_writers import attempt, name_of_writer
from cipa.inference.revisions import refuse_corrected
from cipa.io.dicom.objects.lesion import Algorithm
from cipa.io.dicom.volumes import PetCt
from cipa.io.nifti import write_volume
from cipa.io.volume import Volume
from cipa.lesions.measure import Lesion
from cipa.lesions.plausibility import LeftOut
from cipa.readers import read_json
from cipa.text import cell

DISCLAIMER = "Research software, not a medical device."

MASK, PROBABILITY = "mask.nii.gz", "probability.nii.gz"
LABELS = "lesions.nii.gz"
RESULT, LESIONS, LEFT_OUT, PATIENT = "lesions.json", "lesions.csv", "left_out.csv", "patient.csv"
"""Names in a study's folder."""

NOTE = "CIPA tumour {}; research software, not a medical device"
"""Field `descrip` of the NIfTI files written."""

Writer = Callable[[Any, Path], object]
"""Writes more files of a prediction, such as its report, into the folder given."""


class Result(Protocol):
    """What is saved of a `cipa.inference.result.Prediction`, which stands above this module and calls it."""

    @property
    def mask(self) -> npt.NDArray[np.uint8]:
        """1 in the lesions."""

    @property
    def probability_255(self) -> npt.NDArray[np.uint8] | None:
        """Probability of tumour, 255 is 1; None of a mask that no network drew here."""

    @property
    def labels(self) -> npt.NDArray[np.generic]:
        """Numbers of the lesions."""

    @property
    def lesions(self) -> list[Lesion]:
        """By number."""

    @property
    def algorithm(self) -> Algorithm:
        """What drew the mask."""

    @property
    def ct(self) -> Volume:
        """The CT, whose grid this is."""

    @property
    def facts(self) -> dict[str, Any]:
        """How it was acquired and computed."""

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Marks that are no lesions."""

    @property
    def warnings(self) -> list[str]:
        """What needs a second look."""

    @property
    def source(self) -> PetCt | None:
        """The DICOM pair."""

    def table(self) -> list[dict[str, Any]]:
        """Return a row a lesion."""

    def totals(self) -> dict[str, Any]:
        """Return the row of the patient."""

    def to_json(self) -> str:
        """Return everything but the voxels."""


def save_prediction(
    prediction: Result,
    folder: Path,
    also: Sequence[Writer] = (),
    overwrite: bool = False,
    objects: Sequence[str] = DEFAULT_OBJECTS,
    needed: Sequence[Writer] = (),
) -> Path:
    """Write a study's folder, which appears whole or not at all.

    In it: `mask.nii.gz` (uint8) and `probability.nii.gz` (uint8 with slope 1/255: of a whole body a few MB,
    where float32 takes 0.7 GB) on the CT's grid; where the CT came from DICOM, `segmentation.dcm` (SEG),
    `measurements.dcm` (SR) and, if asked for, `contours.dcm` (RTSTRUCT); `lesions.json`, everything but the
    voxels; `lesions.csv`, a row a lesion; `left_out.csv`, a row a mark that is none; `patient.csv`, one row.
    Only the DICOM objects name the patient, as the CT does.

    Args:
        prediction: the result.
        folder: final name.
        also: what writes more files before the folder appears, such as the report or `write_labels`. What
            fails of these, and a DICOM object that fails, is added to the prediction's warnings.
        overwrite: replace an earlier result there.
        objects: DICOM objects to write, of `cipa.inference.dicom_objects.FILES`.
        needed: likewise to `also`; what fails of these fails all.

    Returns:
        The folder.

    Raises:
        UsageError: something stands there that is no earlier result, or may not be replaced.
        DataError: the earlier result holds a person's corrections.
        OSError: the disk is full or the like; nothing is left under the name.
    """
    refuse_taken(folder, overwrite)
    with atomic_folder(folder) as unfinished:
        with ThreadPoolExecutor(3) as pool:  # what compresses voxels lets the writers of pictures run
            jobs = _write_voxels(pool, prediction, unfinished)
            writing = pool.submit(write_objects, prediction, unfinished, objects)
            for write in needed:
                write(prediction, unfinished)
            failures = _attempt_all(also, prediction, unfinished)
            for job in jobs:
                job.result()
        prediction.warnings.extend(filter(None, [*writing.result(), *failures.values()]))
        if writing.result():  # what was written meanwhile does not know
            _attempt_all([write for write in also if not failures[write]], prediction, unfinished)
        _write_tables(prediction, unfinished)
    return folder


def read_result(folder: Path) -> dict[str, Any] | None:
    """Return what an earlier `save_prediction` wrote as JSON, None where there is no such result."""
    try:
        found = read_json(folder / RESULT, "predict again")
    except (OSError, DataError):
        return None
    return found if isinstance(found, dict) and found.get("disclaimer") == DISCLAIMER else None


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds something other than a result.

    Raises:
        UsageError: a file stands there, or a folder that holds no earlier result.
    """
    refuse_occupied(folder, "a result of cipa", lambda there: read_result(there) is not None, True)


def refuse_taken(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that must not be written to.

    Raises:
        UsageError: a file stands there, or a folder that holds no earlier result, or one that is to be kept.
        DataError: it is a result that a person has corrected.
    """
    refuse_occupied(folder, "a result of cipa", lambda there: read_result(there) is not None, overwrite)
    if overwrite:
        refuse_corrected(folder)


def write_table(path: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as CSV (RFC 4180), floats with seven significant digits, empty where there is no value."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({name: cell(row[name], DIGITS) for name in columns})


def write_probability(path: Path, prediction: Result) -> None:
    """Write the probability as NIfTI (`.nii` or `.nii.gz`): uint8, which readers scale by 1/255."""
    assert prediction.probability_255 is not None  # a network drew the mask
    note = NOTE.format("probability")
    write_volume(path, prediction.probability_255, prediction.ct, note, slope=1 / 255)


def write_labels(prediction: Result, folder: Path) -> None:
    """Write `lesions.nii.gz` on the CT's grid: the number of the lesion a voxel is in, 0 for none."""
    write_volume(folder / LABELS, prediction.labels, prediction.ct, NOTE.format("lesion numbers"))


def _write_tables(prediction: Result, folder: Path) -> None:
    (folder / RESULT).write_text(prediction.to_json(), encoding="utf-8")
    study = {"study": prediction.facts.get("study", "")}
    write_table(folder / LESIONS, [study | row for row in prediction.table()], LESION_COLUMNS)
    left_out = [study | one.row() for one in prediction.left_out]
    write_table(folder / LEFT_OUT, left_out, LEFT_OUT_COLUMNS)
    totals = prediction.totals()
    write_table(folder / PATIENT, [totals], list(totals))


def _write_voxels(pool: ThreadPoolExecutor, prediction: Result, folder: Path) -> list[Future[None]]:
    """Begin to write mask and probability; what goes wrong is in the futures."""
    jobs = [pool.submit(write_volume, folder / MASK, prediction.mask, prediction.ct, NOTE.format("mask"))]
    if prediction.probability_255 is not None:
        jobs.append(pool.submit(write_probability, folder / PROBABILITY, prediction))
    return jobs


def _attempt_all(also: Sequence[Writer], prediction: Result, folder: Path) -> dict[Writer, str]:
    """Let others write their files; return a warning for each that fails, else an empty one."""
    return {
        write: attempt(name_of_writer(write), partial(write, prediction, folder), folder) for write in also
    }


DIGITS = 7
"""Of numbers in tables."""

LESION_COLUMNS = ("study", *Lesion(1, 0, 0.0, 0.0, 0.0, 0.0, 0.0, (0.0, 0.0, 0.0), (0, 0), 0.0).row())
"""Columns of `lesions.csv`, there also where no lesion is."""

LEFT_OUT_COLUMNS = ("study", *LeftOut(0.0, 0.0, "", (0.0, 0.0, 0.0), (0, 0)).row())
"""Columns of `left_out.csv`, likewise."""
