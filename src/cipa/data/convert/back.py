"""Masks of a converted data set's slices back to NIfTI, each on its patient's own CT grid."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cipa.data.convert.metadata import PatientRecord, read_metadata
from cipa.data.convert.outcome import Problem, gather
from cipa.data.convert.write import slice_id
from cipa.data.layout import file_name
from cipa.data.metadata import METADATA
from cipa.data.pclt20k import binarise_mask
from cipa.errors import DataError
from cipa.files import atomic_folder, require_vacant
from cipa.io.grid_record import volume_on
from cipa.io.nifti import write_volume
from cipa.io.orientation import axial_stack
from cipa.io.png import read_grey
from cipa.progress import Progress

NOTE = "CIPA tumour mask from slices; research software, not a medical device"
"""Field `descrip` of the NIfTI files written."""


@dataclass(frozen=True)
class RestoredMask:
    """A mask that was taken back.

    Attributes:
        patient: id in the data set; the file is `<patient>.nii.gz`.
        slices: slices read.
        voxels: tumour voxels.
        millilitres: their volume.
    """

    patient: str
    slices: int
    voxels: int
    millilitres: float


def restore_masks(
    masks: str | os.PathLike[str],
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    skip_bad: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[tuple[RestoredMask, ...], tuple[Problem, ...]]:
    """Write the masks of every patient as one NIfTI file (uint8, 0 and 1) on the grid of the CT.

    Where slices were padded every voxel is exactly its pixel; where they were resampled masks are resized
    linearly and cut at one half. Slices that the data set does not have, such as those without tumour, are
    without tumour.

    Args:
        masks: folder of masks as `cipa evaluate` or `cipa predict` writes them: `<patient>/<slice>.png` or
            `<patient>/<slice>_mask.png`, also within a folder `masks`. Patients it lacks are left alone.
        data: the data set `cipa convert` wrote, for its metadata.json.
        out: folder to make, `<patient>.nii.gz` each.
        skip_bad: leave out patients whose masks cannot be taken back, instead of refusing them all.
        workers: processes.
        progress: called after each patient.

    Returns:
        What was written, by patient, and the patients left out.

    Raises:
        ConversionError: masks of a patient are missing, unreadable, of another size or of no known slice, and
            `skip_bad` is not set; or none can be taken back.
        DataError: there is no metadata.json, or `masks` holds no folder of a patient.
        UsageError: `out` holds something.
    """
    require_vacant(out)
    records = read_metadata(data)
    folders = _patient_folders(Path(masks))
    unknown = [
        Problem(name, f"no such patient in {Path(data) / METADATA}; give the data set these masks are of")
        for name in folders
        if name not in records
    ]
    jobs = [_Job(folders[name], records[name]) for name in sorted(folders.keys() & records.keys())]
    with atomic_folder(out) as folder:
        restored, skipped = gather(partial(_restore, folder), jobs, unknown, skip_bad, workers, progress)
    return tuple(sorted(restored, key=lambda each: each.patient)), skipped


@dataclass(frozen=True)
class _Job:
    folder: Path
    record: PatientRecord

    @property
    def name(self) -> str:
        """The patient, as the conversion's record names him."""
        return self.record.patient


def _patient_folders(masks: Path) -> dict[str, Path]:
    if (masks / "masks").is_dir():
        masks = masks / "masks"
    found = {path.name: path for path in masks.glob("*") if path.is_dir() and any(path.glob("*.png"))}
    if not found:
        raise DataError(f"{masks}: no PATIENT/SLICE.png; give the masks of `cipa evaluate` or `cipa predict`")
    return found


def _restore(out: Path, job: _Job) -> RestoredMask:
    record = job.record
    files = _files(job)
    grid = volume_on(record.grid, np.zeros(record.grid["shape"], dtype=np.uint8))
    stack, _ = axial_stack(grid.array, grid.affine)
    if stack.shape[1:] != record.plane.source or max(files, default=0) >= len(stack):
        raise DataError(
            f"{METADATA}: slices of patient {record.patient} do not fit its grid of "
            f"{' x '.join(map(str, stack.shape))}; convert the volumes again"
        )
    for number, path in files.items():
        stack[number] = _source_mask(path, record)
    write_volume(out / f"{record.patient}.nii.gz", grid.array, grid, NOTE)
    voxels = int(np.count_nonzero(grid.array))
    return RestoredMask(record.patient, len(files), voxels, voxels * grid.voxel_ml)


def _files(job: _Job) -> dict[int, Path]:
    """Return the mask of each slice of a patient.

    Raises:
        DataError: a slice has none, or a PNG file belongs to no slice.
    """
    patient = job.record.patient
    there = {path.name for path in job.folder.glob("*.png")}
    files: dict[int, Path] = {}
    for number in job.record.numbers:
        name = slice_id(patient, number)
        known = [each for each in (f"{name}.png", file_name(name, "mask")) if each in there]
        if not known:
            raise DataError(f"{job.folder}: no mask of slice {name}; segment the patient again")
        files[number] = job.folder / known[0]
    others = {name for name in there if not name.endswith(("_CT.png", "_PET.png", "_probability.png"))}
    strays = sorted(others - {path.name for path in files.values()})
    if strays:
        raise DataError(
            f"{job.folder / strays[0]}: no slice of the data set; give the masks of this data set"
        )
    return files


def _source_mask(path: Path, record: PatientRecord) -> npt.NDArray[np.bool_]:
    image, size = read_grey(path), record.plane.size
    if image.shape != (size, size):
        raise DataError(
            f"{path}: {image.shape[1]} x {image.shape[0]} pixels, but the data set has {size} x {size}; "
            "give the masks of this data set"
        )
    tumour = binarise_mask(image, path).astype(np.float32)
    return record.plane.to_source(tumour[None])[0] >= 0.5
