"""Many studies, one after another: finished ones are skipped, a failed one does not stop the rest."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cipa.errors import CipaError, DataError, UsageError, is_out_of_memory
from cipa.files import atomic_file, is_disk_full
from cipa.inference.dicom_objects import DEFAULT_OBJECTS
from cipa.inference.locations import read_location
from cipa.inference.options import (
    DEFAULTS,
    DICOM_ONLY,
    NOTHING_GIVEN,
    NOTHING_SAID,
    ReportOptions,
    StudyOptions,
    VolumeOptions,
)
from cipa.inference.result import Prediction
from cipa.inference.revisions import refuse_corrected
from cipa.inference.save import (
    LEFT_OUT_COLUMNS,
    LESION_COLUMNS,
    Writer,
    read_result,
    save_prediction,
    write_table,
)
from cipa.inference.slices import SlicePredictor
from cipa.inference.study import predict_study, settings_of
from cipa.io.studies import StudyLocation
from cipa.progress import Progress

STATES = Literal["done", "skipped", "failed"]

SETTINGS = {
    "source": "another study",
    "model": "other weights",
    "threshold": "another threshold",
    "options": "other options",
    "given": "another --weight-kg, --dose-mbq, choice of series or word for the report",
}
"""Facts of a result that must be those asked for, or it is not the one to keep."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one study.

    Attributes:
        study: its name.
        state: `done`, `skipped` (an earlier run finished it) or `failed`.
        seconds: it took, reading and writing included.
        totals: the patient's row, as `Prediction.totals`; None where it failed.
        warnings: what needs a second look.
        error: one line, what is wrong and what to do; empty unless it failed.
    """

    study: str
    state: STATES
    seconds: float = 0.0
    totals: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Job:
    """How studies are to be segmented.

    Attributes:
        predictor: the network.
        volume_options: how slices become images, and which marks are believed.
        study_options: what the user says of DICOM studies.
        also: what writes more files of each study.
        overwrite: do again what is finished, replacing it.
        objects: DICOM objects to write, of `cipa.inference.dicom_objects.FILES`.
        progress: called after every batch of slices.
        report_options: what the user says for the reports.
    """

    predictor: SlicePredictor
    volume_options: VolumeOptions = DEFAULTS
    study_options: StudyOptions = NOTHING_GIVEN
    also: Sequence[Writer] = ()
    overwrite: bool = False
    objects: Sequence[str] = DEFAULT_OBJECTS
    progress: Progress | None = None
    report_options: ReportOptions = NOTHING_SAID


def run_studies(job: Job, locations: Sequence[StudyLocation], out: Path) -> Iterator[Outcome]:
    """Segment studies into folders of their names below `out`, each whole or absent.

    Args:
        job: how.
        locations: the studies.
        out: folder for the folders.

    Yields:
        What became of each, in order, as soon as it is known.

    Raises:
        OSError: the disk is full, which no further study would survive; the study at hand leaves nothing.
    """
    for location in locations:
        began = time.monotonic()
        try:
            outcome = run_study(job, location, out / location.name)
        except Exception as error:  # must not cost the other studies
            line = failure_of(location, error)
            outcome = Outcome(location.name, "failed", time.monotonic() - began, error=line)
        yield outcome


def run_study(job: Job, location: StudyLocation, folder: Path) -> Outcome:
    """Segment one study into a folder that appears whole.

    Args:
        job: how.
        location: the study.
        folder: final name.

    Returns:
        `done`, or `skipped` where a result of the same network and settings stands there already.

    Raises:
        DataError: the study cannot be used, the line begins with its path; or the result at `folder` is to be
            replaced and holds a person's corrections.
        UsageError: a result of other settings, or something else, stands at `folder`.
    """
    began = time.monotonic()
    if job.overwrite:
        refuse_corrected(folder)  # before the network is at work
    earlier = None if job.overwrite else _earlier(job, location, folder)
    if earlier is not None:
        return Outcome(location.name, "skipped", 0.0, earlier["patient"], tuple(earlier["warnings"]))
    try:
        prediction = predict_location(job, location)
    except DataError as error:
        line = str(error)
        raise DataError(line if line.startswith(location.source) else f"{location.source}: {line}") from error
    try:
        save_prediction(prediction, folder, job.also, job.overwrite, job.objects)
    except UsageError:  # another process may have finished the same study meanwhile
        earlier = _earlier(job, location, folder)
        if earlier is None:
            raise
        return Outcome(location.name, "skipped", 0.0, earlier["patient"], tuple(earlier["warnings"]))
    seconds = time.monotonic() - began
    return Outcome(location.name, "done", seconds, prediction.totals(), tuple(prediction.warnings))


def predict_location(job: Job, location: StudyLocation) -> Prediction:
    """Read, segment and measure one study, and write nothing.

    Raises:
        DataError: the study cannot be used.
    """
    return predict_study(
        job.predictor,
        read_location(location, job.study_options, job.report_options),
        job.volume_options,
        job.progress,
    )


def write_summary(out: Path, names: Sequence[str]) -> None:
    """Write `patients.csv`, `lesions.csv` and `left_out.csv` over the finished studies, each file whole.

    Args:
        out: folder that holds the studies' folders.
        names: of the studies.
    """
    results = [found for name in names if (found := read_result(out / name)) is not None]
    lesions, left_out = (
        [{"study": one["patient"]["study"]} | row for one in results for row in one[kind]]
        for kind in ("lesions", "left_out")
    )
    patients = [one["patient"] for one in results]
    for name, rows, columns in (
        ("patients.csv", patients, tuple(patients[0]) if patients else ()),
        ("lesions.csv", lesions, LESION_COLUMNS),
        ("left_out.csv", left_out, LEFT_OUT_COLUMNS),
    ):
        if columns:
            with atomic_file(out / name) as partial:
                write_table(partial, rows, columns)


def _earlier(job: Job, location: StudyLocation, folder: Path) -> dict[str, Any] | None:
    """Return the result that stands at `folder` if it is what this job would make."""
    found = read_result(folder)
    if found is None:
        return None
    given = job.report_options.to_dict()
    if location.is_dicom:
        given |= job.study_options.to_dict()
    else:
        given = {name: value for name, value in given.items() if name not in DICOM_ONLY}
    wanted = settings_of(job.predictor, job.volume_options) | {"given": given, "source": location.fingerprint}
    for name, kind in SETTINGS.items():
        if found["facts"].get(name) != wanted[name]:
            raise UsageError(
                f"{folder}: holds a result of {kind}; name another folder, or replace it with --overwrite"
            )
    return found


def failure_of(location: StudyLocation, error: Exception) -> str:
    """Say in a line why one of many studies failed, without its path, which its name stands for.

    What an error of another library quotes may be private and is not said; nor is the patient's name.

    Raises:
        OSError: the error itself, if the disk is full, which no further study would survive.
    """
    if isinstance(error, CipaError):
        return location.secrets.scrub(str(error).removeprefix(f"{location.source}: "))
    if is_disk_full(error):
        raise error
    if is_out_of_memory(error):
        return "memory ran out; use a machine with more"
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}; see to the file"
    return f"a defect of cipa ({type(error).__name__}); run this study alone with --debug"
