"""Small DICOM studies with a hot box whose place and uptake are known, written for tests."""

import numpy as np
from pydicom import dcmread

from dicom_files import write_series

SUV_PER_BQML = 70e3 / (350e6 * 2 ** (-3600 / 6586.2))
"""Of the header that `dicom_files.pet_tags` makes."""

LPS = np.array([[0, -2.0, 0, 90], [2.0, 0, 0, -40], [0, 0, 3.0, 7], [0, 0, 0, 1]])
"""Rows and columns exchanged."""

BOX = (slice(20, 24), slice(5, 8), slice(3, 4))
"""Voxels of SUV 15, off centre along every axis."""


def write_study(folder, lps=LPS, box=BOX, **tags):
    """Write CT of air and soft tissue and PET with one hot box, 32 x 32 x 5."""
    ct, pet = np.full((32, 32, 5), 1000), np.zeros((32, 32, 5))
    ct[0] = 100
    pet[box] = 15 / SUV_PER_BQML
    write_series(folder / "ct", "CT", ct, lps, **tags)
    write_series(folder / "pet", "PT", pet.round(), lps, **tags)
    return folder


def write_dynamic_study(folder, suvs, box=BOX):
    """Write the same CT and a PET of time frames of 10 minutes, whose hot boxes have these SUVs."""
    write_study(folder)
    for file in (folder / "pet").iterdir():
        file.unlink()
    for frame, hot in enumerate(suvs):
        pet = np.zeros((32, 32, 5))
        pet[box] = hot / SUV_PER_BQML
        times = {"AcquisitionTime": f"10{frame}000", "ActualFrameDuration": 600_000}
        write_series(folder / "pet" / f"frame{frame}", "PT", pet.round(), LPS, **times)
    return folder


def spoil(study):
    """Leave one slice of the PET."""
    for file in sorted((study / "pet").iterdir())[1:]:
        file.unlink()


SPOILT = "PET series 80 'PT': one slice alone, whose thickness is not known; give the whole series"
"""What is said of a study that `spoil` went over."""


def without_weight(study):
    for file in (study / "pet").iterdir():
        one = dcmread(file)
        del one.PatientWeight
        one.save_as(file)
    return study


def box_mask(box=BOX):
    mask = np.zeros((32, 32, 5), np.uint8)
    mask[box] = 1
    return mask
