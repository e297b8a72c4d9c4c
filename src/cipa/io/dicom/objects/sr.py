"""Measurements of lesions as a structured report: TID 1500 (DICOM PS3.16), written by highdicom.

Each lesion is a group (TID 1411) that names its segment of the SEG, the CT images that it lies on and its
tracking UID; a last group holds what is measured on all lesions together. Units are UCUM's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from cipa.errors import DataError
from cipa.files import atomic_file
from cipa.io.dicom.objects.document import CHARACTER_SET, MANUFACTURER
from cipa.io.dicom.objects.lesion import Algorithm, LesionObject
from cipa.io.dicom.objects.references import refer_to
from cipa.io.dicom.objects.sr_content import make_content
from cipa.io.dicom.seg_header import copy_geometry
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.slices import Slice

SERIES_NUMBER = 9301

NOTHING: Mapping[str, Any] = {}


@quiet()
def write_sr(
    path: Path,
    seg: Dataset,
    ct: Sequence[Slice],
    pet: Sequence[Slice],
    lesions: Sequence[LesionObject],
    totals: Mapping[str, Any],
    by: Algorithm,
    references: Mapping[str, Any] = NOTHING,
) -> None:
    """Write measurements as a Comprehensive 3D SR file, whole or not at all.

    Args:
        path: final name.
        seg: the DICOM SEG that `write_seg` wrote of the same lesions, whose patient and study these are.
        ct: the CT's files.
        pet: the PET's files, which the report names as evidence.
        lesions: with their values; those that `sr_content.QUANTITIES` knows are written.
        totals: of all lesions, likewise.
        by: what drew the mask.
        references: `reference` of `Prediction.facts`: liver and blood pool, where they were measured.

    Raises:
        DataError: highdicom refuses the headers.
        OSError: the file cannot be written.
    """
    try:
        report = _make(seg, ct, pet, lesions, totals, by, references)
    except Exception as error:  # as in `cipa.io.dicom.seg.make_seg`: it may quote headers
        raise DataError(
            f"DICOM SR cannot be written of these headers ({type(error).__name__}); export the study again"
        ) from error
    with atomic_file(path) as partial:
        report.save_as(partial)


def _make(
    seg: Dataset,
    ct: Sequence[Slice],
    pet: Sequence[Slice],
    lesions: Sequence[LesionObject],
    totals: Mapping[str, Any],
    by: Algorithm,
    references: Mapping[str, Any] = NOTHING,
) -> Dataset:
    from highdicom.sr import Comprehensive3DSR

    return Comprehensive3DSR(
        evidence=[seg, *(_evidence(one.slice.header, seg) for one in refer_to((*ct, *pet)))],
        content=make_content(seg, ct, lesions, totals, by, references)[0],
        series_instance_uid=generate_uid(prefix=None),
        series_number=SERIES_NUMBER,
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        specific_character_set=CHARACTER_SET,
        manufacturer_model_name=by.name,
        software_versions=by.version,
        series_description="CIPA measurements (research, not a medical device)",
    )


def _evidence(header: Dataset, seg: Dataset) -> Dataset:
    """Return what a report needs of an image to name it, without what else its header holds."""
    found = copy_geometry(header)
    for keyword in ("PatientID", "PatientName", "AccessionNumber", "StudyID"):
        setattr(found, keyword, seg.get(keyword))
    return found
