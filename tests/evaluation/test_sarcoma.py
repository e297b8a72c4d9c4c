"""The patient protocol on real tumours, from volumes through slices and back to millilitres."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from cipa.data.convert import SplitRule, convert_volumes, find_triples
from cipa.data.layout import patient_of
from cipa.data.pclt20k import PCLT20K, read_ids
from cipa.data.spacing import find_spacings
from cipa.evaluation.patient import PatientProtocol

STS = Path(__file__).parents[3] / "shared" / "data" / "sts"
PATIENTS = ("STS_001", "STS_002")

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not STS.is_dir(), reason=f"no real data at {STS}"),
]


@pytest.fixture
def data(tmp_path):
    for patient in PATIENTS:
        (tmp_path / "volumes").mkdir(exist_ok=True)
        (tmp_path / "volumes" / patient).symlink_to(STS / patient)
    sources = find_triples(tmp_path / "volumes", "*/CT.nii.bz2", "*/PET_SUV.nii.gz", "*/GTV_CT.nii.gz")
    convert_volumes(sources, tmp_path / "data", split=SplitRule(patients=PATIENTS), root=tmp_path)
    return tmp_path / "data"


def test_slices_hold_the_millilitres_of_the_contours_and_a_threshold_finds_them(data):
    dataset = PCLT20K(data, read_ids(data, "test"))
    protocol = PatientProtocol(find_spacings(data, map(patient_of, dataset.ids)))
    for index, slice_id in enumerate(dataset.ids):
        item = dataset[index]
        hot = item["pet"][0].numpy() > 255 * 2.5 / 20  # SUV 2.5 of a window from 0 to 20
        protocol.update(slice_id, hot, item["mask"][0].numpy())
    for patient, row in zip(PATIENTS, protocol.result().patients, strict=True):
        contour = nibabel.load(STS / patient / "GTV_CT.nii.gz")
        voxel_ml = abs(np.linalg.det(contour.affine[:3, :3])) / 1000
        assert row["truth_ml"] == pytest.approx(np.count_nonzero(contour.dataobj) * voxel_ml, rel=1e-5)
        assert 0.3 < row["iou"] < row["dice"] < 0.98
        assert row["lesion_sensitivity"] == 1
        assert 0 < row["hd95_mm"] < 100
