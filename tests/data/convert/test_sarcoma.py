"""Conversion of real CT, PET and tumour contours, which stand beside the project, there and back."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from cipa.data.check import check_dataset
from cipa.data.convert import SplitRule, convert_volumes, find_triples, restore_masks

STS = Path(__file__).parents[4] / "shared" / "data" / "sts"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.skipif(not STS.is_dir(), reason=f"no real data at {STS}"),
]


def test_real_contours_go_to_slices_and_back_without_losing_a_voxel(tmp_path):
    sources = find_triples(STS, "STS_00*/CT.nii.bz2", "STS_00*/PET_SUV.nii.gz", "STS_00*/GTV_CT.nii.gz")
    convert_volumes(sources, tmp_path / "data", split=SplitRule(patients=("STS_001",)), root=STS)
    report = check_dataset(tmp_path / "data")
    assert report.findings == ()  # slices without tumour are healthy ones, as the metadata say
    assert (report.size, report.splits["test"].patients) == (512, 1)
    restore_masks(tmp_path / "data", tmp_path / "data", tmp_path / "back")
    for triple in sources.triples:
        mask, ct = nibabel.load(tmp_path / "back" / f"{triple.patient}.nii.gz"), nibabel.load(triple.ct)
        assert np.array_equal(mask.affine, ct.affine)
        assert np.array_equal(
            np.asanyarray(mask.dataobj), np.asanyarray(nibabel.load(triple.mask).dataobj) > 0
        )
