"""Phantoms as a scanner would send them: CT and PET as two DICOM series, the truth beside them as NIfTI."""

import os
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.valuerep import format_number_as_ds

from cipa.errors import UsageError
from cipa.files import atomic_folder, require_vacant
from cipa.parallel import runner
from cipa.phantom.acquisition import PET_PIXEL, height_of
from cipa.phantom.headers import PhantomStudy, ct_header, describe_study, pet_header
from cipa.phantom.patient import WHOLE, PhantomPatient, draw_patient
from cipa.phantom.plane import FIELD_OF_VIEW, SLICE_SPACING

_CT_TOP = 4095  # of 12 bits
_PET_TOP = 32767  # of 16 signed bits
_LEAST_SLICES = 4


def write_phantom_studies(
    out: str | os.PathLike[str],
    patients: int,
    seed: int = 0,
    size: int = 512,
    first: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draw phantom patients, whole thorax, and write each as a PET-CT study.

    OUT/studies/0001/CT/001.dcm and PET/001.dcm, from head to feet; OUT/truth/0001.nii.gz holds the tumours
    (uint8, 1 is tumour) on the CT's grid.

    Args:
        out: folder to make; it appears when everything is written.
        patients: how many, 1 to 9,999.
        seed: of the data set, 0 or more; patients are those of `write_phantoms`.
        size: pixels on a side of the CT over 500 mm, a multiple of 128. PET has 125 x 125.
        first: index of the first patient.
        workers: processes. More than one needs a main module that is guarded.
        progress: called after each patient with the number done and the number in all.

    Raises:
        UsageError: a value is out of range, or `out` exists and is not an empty folder.
        OSError: the files cannot be written; nothing is left under `out`.
    """
    if not 1 <= patients <= 9999 or seed < 0 or workers < 1:
        raise UsageError(
            f"{patients} patients, seed {seed}, {workers} workers: give 1 to 9999, 0 or more, 1 or more"
        )
    if size < 128 or size % 128:
        raise UsageError(f"size {size}: give a multiple of 128, as 128, 256 or 512")
    require_vacant(out)
    with atomic_folder(out) as folder, runner(min(workers, patients)) as run:
        (folder / "truth").mkdir()
        job = partial(_write_one, folder, seed, size)
        for done, _ in enumerate(run(job, range(first, first + patients)), start=1):
            if progress:
                progress(done, patients)


def write_study(folder: Path, patient: PhantomPatient, study: PhantomStudy) -> None:
    """Write the two series of a patient, CT/ and PET/ below `folder`.

    Args:
        folder: where to; it is made.
        patient: the whole thorax, without gaps; HU are rounded to integers, SUV to a 32,767th of the slice's
            highest.
        study: identity, weight and dose.

    Raises:
        ValueError: slices are missing between others.
    """
    if np.any(np.diff(patient.numbers) != 1):
        raise ValueError("a series needs every slice: draw the patient with healthy=1 and slices=(4, WHOLE)")
    ct, pet = ct_header(study), pet_header(study)
    stored_hu = (np.rint(patient.ct_hu) + 1024).clip(0, _CT_TOP).astype("<u2")
    for place, number in enumerate(patient.numbers):
        _place(ct, place, number, FIELD_OF_VIEW / patient.ct_hu.shape[-1])
        _save(folder / "CT", study, ct, stored_hu[place], place)
        _place(pet, place, number, PET_PIXEL)
        stored, slope = stored_activity(patient.pet[place] * study.bqml_per_suv)
        pet.RescaleSlope, pet.ImageIndex = slope, place + 1
        _save(folder / "PET", study, pet, stored, place)


def stored_activity(bqml: NDArray[np.floating]) -> tuple[NDArray[np.int16], str]:
    """Scale a slice to 16 bits by a slope of its own, as PET scanners do.

    Args:
        bqml: (H, W) Bq/mL, 0 or more.

    Returns:
        Stored values, and the slope as DICOM writes it, in at most 16 characters.
    """
    slope = format_number_as_ds(max(float(bqml.max()), 1e-3) / _PET_TOP)
    return np.rint(bqml / float(slope)).clip(0, _PET_TOP).astype("<i2"), slope


def study_affine(patient: PhantomPatient) -> NDArray[np.float64]:
    """Return the (4, 4) affine, indices (column, row, slice from head to feet) to RAS+ millimetres."""
    pixel = FIELD_OF_VIEW / patient.ct_hu.shape[-1]
    corner = (FIELD_OF_VIEW - pixel) / 2
    affine = np.diag([-pixel, -pixel, -SLICE_SPACING, 1.0])
    affine[:3, 3] = corner, corner, -height_of(patient.numbers[0])
    return affine


def _write_one(folder: Path, seed: int, size: int, index: int) -> int:
    patient = draw_patient(seed, index, size, (_LEAST_SLICES, WHOLE), healthy=1.0)
    name = f"{index + 1:04d}"
    study = describe_study(f"CIPA-PHANTOM-S{seed}-{name}", seed, index, len(patient.numbers))
    write_study(folder / "studies" / name, patient, study)
    truth = nibabel.Nifti1Image(patient.mask.transpose(2, 1, 0), study_affine(patient))
    truth.header.set_xyzt_units("mm")
    nibabel.save(truth, folder / "truth" / f"{name}.nii.gz")
    return index


def _place(header: Dataset, place: int, number: int, pixel: float) -> None:
    """Set a slice's place: LPS, the first pixel's centre at the front right, z towards the head."""
    corner = (pixel - FIELD_OF_VIEW) / 2
    z = -height_of(number)
    header.ImagePositionPatient = [format_number_as_ds(round(v, 6)) for v in (corner, corner, z)]
    header.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    header.PixelSpacing = [format_number_as_ds(pixel)] * 2
    header.SliceThickness, header.SliceLocation = f"{SLICE_SPACING:g}", format_number_as_ds(round(z, 6))
    header.InstanceNumber = place + 1


def _save(
    folder: Path, study: PhantomStudy, header: Dataset, stored: NDArray[np.integer], place: int
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    one = deepcopy(header)
    one.SOPInstanceUID = study.uid(header.Modality, place)
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    one.Rows, one.Columns = stored.shape
    one.PixelData = stored.tobytes()
    one.save_as(folder / f"{place + 1:03d}.dcm", enforce_file_format=True)
