"""Studies, senders and servers for tests of the node; programs that are not installed skip a test."""

import numpy as np
import pytest
from benchmarks.serve import tools
from pydicom.uid import generate_uid

from dicom_files import write_series
from studies import BOX, LPS, SUV_PER_BQML


def write_uid_study(folder, uid=None, suv=15.0, slices=5, **tags):
    """Write CT and PET, 32 x 32 x 5 with a hot box, under their own UIDs, and return their files."""
    uid = uid or generate_uid()
    ct, pet = np.full((32, 32, slices), 1000), np.zeros((32, 32, slices))
    ct[0] = 100
    pet[BOX] = suv / SUV_PER_BQML
    shared = {"StudyInstanceUID": uid, "PatientID": "SECRET77", "AccessionNumber": "", "StudyID": ""}
    shared |= {"FrameOfReferenceUID": f"{uid[:62]}.9", **tags}
    files = []
    for number, (kind, values) in enumerate((("CT", ct), ("PT", pet.round())), start=1):
        series = f"{uid[:62]}.{number}"
        files += write_series(folder / kind, kind, values, LPS, SeriesInstanceUID=series, **shared)
    return files


def orthanc(folder):
    """Run Orthanc as PACS; skips the test where it is not installed."""
    if not tools.has_orthanc():
        pytest.skip(tools.MISSING)
    return tools.orthanc(folder)
