"""The study of the browser tests: a hot ball in soft tissue, PET coarser than CT, axes not the page's."""

from pathlib import Path

import numpy as np

from cipa.inference.locations import read_location
from cipa.inference.measure import measure_labels
from cipa.inference.options import StudyOptions
from cipa.inference.save import write_labels
from cipa.io.grid import resample
from cipa.io.nifti import read_volume
from cipa.io.studies import find_studies
from cipa.report.study import write_study_report
from cipa.view.studies import prepare_study
from dicom_files import write_series
from studies import SUV_PER_BQML

SHAPE = (64, 56, 20)
"""Columns, rows and slices of the CT."""

LPS = np.array([[2.0, 0, 0, -60], [0, 2.0, 0, -50], [0, 0, 3.0, 10], [0, 0, 0, 1]])
PET_LPS = np.array([[4.0, 0, 0, -60], [0, 4.0, 0, -50], [0, 0, 3.0, 10], [0, 0, 0, 1]])

CENTRE_LPS = np.array([20.0, 0.0, 40.0])
"""Of the ball, in millimetres: at the patient's left."""

RADIUS = 14.0
HOTTEST = 12.0


def grid_lps(shape, affine):
    """Return the LPS millimetres of every voxel, (3, I, J, K)."""
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"))
    return np.einsum("ab,bijk->aijk", affine[:3, :3], voxels) + affine[:3, 3, None, None, None]


def distance_mm(shape, affine):
    """Return millimetres to the ball's centre."""
    return np.linalg.norm(grid_lps(shape, affine) - CENTRE_LPS[:, None, None, None], axis=0)


def write_images(folder: Path) -> None:
    """Write CT and PET as DICOM: a cone of uptake, highest at the ball's centre."""
    ct = np.where(distance_mm(SHAPE, LPS) <= RADIUS, 1024 + 60, 1024 - 300)
    pet_shape = (32, 28, 20)
    uptake = np.clip(HOTTEST * (1 - distance_mm(pet_shape, PET_LPS) / 30), 0.5, None)
    write_series(folder / "ct", "CT", ct, LPS)
    write_series(folder / "pet", "PT", (uptake / SUV_PER_BQML).round(), PET_LPS)


ONE_BOX = ((slice(30, 36), slice(22, 28), slice(8, 12)),)
"""Of the CT's (column, row, slice): what the network of these tests found."""


def make_prediction(study: Path, boxes=ONE_BOX):
    """Write the study, and measure lesions that are boxes of the CT's (column, row, slice)."""
    if not study.exists():
        write_images(study)
    place = find_studies(study)[0]
    pair = read_location(place, StudyOptions())
    labels = np.zeros(SHAPE, np.uint16)
    for number, box in enumerate(boxes, start=1):
        labels[box] = number
    drawn = np.empty_like(pair.ct.array, dtype=np.uint16)
    drawn[...] = labels if drawn.shape == SHAPE else labels.T
    facts = {"mask": "of a test", "source": place.fingerprint}
    return measure_labels(drawn, pair, facts, prepare_study(pair).lines)


def make_result(study: Path, result: Path, boxes=ONE_BOX) -> Path:
    """Write the study and a result whose lesions are boxes of the CT's (column, row, slice)."""
    make_prediction(study, boxes).save(result, (write_study_report, write_labels))
    return result


def on_ct_grid(path):
    """Return labels of a file at the CT's (column, row, slice)."""
    volume = read_volume(path)
    lps = np.diag([-1, -1, 1, 1]) @ volume.affine
    back = np.rint(np.linalg.inv(lps) @ LPS).astype(int)
    voxels = np.einsum("ab,bijk->aijk", back[:3, :3], np.indices(SHAPE)) + back[:3, 3, None, None, None]
    return np.asarray(volume.array)[tuple(voxels)]


def suv_on_ct(folder):
    """Return SUV at the CT's voxels, by the interpolation that measures lesions."""
    pair = read_location(find_studies(folder)[0], StudyOptions())
    lps = np.diag([-1.0, -1, 1, 1]) @ LPS
    return resample(pair.pet.array, pair.pet.affine, lps, SHAPE)
