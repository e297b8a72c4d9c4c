"""Pictures and report of a study as DICOM objects: what every PACS shows, whatever it knows of SEG and SR."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from pydicom.uid import generate_uid

from cipa.errors import DataError
from cipa.inference.result import Prediction
from cipa.io.dicom.objects.capture import write_capture
from cipa.io.dicom.objects.encapsulated_pdf import write_encapsulated_pdf
from cipa.io.dicom.seg_header import reference_problem
from cipa.io.dicom.slices import Slice
from cipa.report.pdf import make_pdf
from cipa.report.pictures import PICTURES, Pictures, draw_pictures

CAPTURES, REPORT = "captures", "report.dcm"
"""Folder of the secondary captures, and the encapsulated PDF, in a study's folder."""


def write_secondary_captures(prediction: Prediction, folder: Path) -> None:
    """Write captures/mip.dcm, lesion_01.dcm and so on, one series, of a study that came from DICOM.

    Raises:
        DataError: the CT lacks what an object must repeat of it.
        OSError: a file cannot be written.
    """
    if prediction.source is None:
        return
    slices = _referable(prediction.source.ct_slices, "secondary capture")
    series = generate_uid(prefix=None)
    with _pictures(prediction, folder) as pictures:
        for number, path in enumerate(pictures.all, start=1):
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB"))
            name, title = folder / CAPTURES / f"{path.stem}.dcm", path.stem.replace("_", " ")
            write_capture(name, pixels, slices[0].header, prediction.algorithm, title, series, number)


def write_pdf_report(prediction: Prediction, folder: Path) -> None:
    """Write report.dcm, the report as encapsulated PDF, of a study that came from DICOM.

    Raises:
        DataError: the CT lacks what an object must repeat of it.
        OSError: the file cannot be written.
    """
    if prediction.source is None:
        return
    slices = _referable(prediction.source.ct_slices, "encapsulated PDF")
    with _pictures(prediction, folder) as pictures:
        pdf = make_pdf(prediction, pictures)
    write_encapsulated_pdf(folder / REPORT, pdf, slices[0].header, prediction.algorithm)


WRITERS = {"sc": write_secondary_captures, "pdf": write_pdf_report}
"""By the kind of object, as `cipa.inference.dicom_objects.FILES` has the others."""


def _referable(slices: tuple[Slice, ...], what: str) -> tuple[Slice, ...]:
    problem = reference_problem(slices)
    if problem is not None:
        raise DataError(f"{what} cannot be written: {problem}")
    return slices


@contextmanager
def _pictures(prediction: Prediction, folder: Path) -> Iterator[Pictures]:
    """Give the pictures of the HTML report, or draw them for this alone."""
    if (folder / PICTURES).is_dir():
        yield draw_pictures(prediction, folder / PICTURES)
        return
    with TemporaryDirectory() as elsewhere:
        yield draw_pictures(prediction, Path(elsewhere))
