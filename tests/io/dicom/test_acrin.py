"""A real lung study (ACRIN-NSCLC-FDG-PET), which stands beside the project."""

import time
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom import dcmread

from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from cipa.io.grid import resample

STUDY = Path(__file__).parents[4] / "shared" / "data" / "acrin042"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not STUDY.is_dir(), reason=f"no real data at {STUDY}"),
]


@pytest.fixture(scope="module")
def pair():
    began = time.process_time()
    found = read_pet_ct(read_study(STUDY))
    assert time.process_time() - began < 20  # 270 JPEG-LS files, 10 s on two cores
    return found


def test_suv_factor_is_the_scanners_own(pair):
    assert pair.scale.factors == pytest.approx([0.00042111] * 135, abs=5e-9)


def test_grid_is_that_of_the_masks_drawn_on_it(pair):
    mask = nibabel.load(STUDY / "tumour_on_CT.nii.gz")
    assert pair.ct.shape == mask.shape
    corners = np.array([[0, 0, 0, 1], [511, 511, 134, 1]])
    assert np.allclose(corners @ pair.ct.affine.T, corners @ mask.affine.T, atol=0.01)


def test_lung_is_air_and_tumour_is_hot_where_the_masks_are(pair):
    lung = nibabel.load(STUDY / "lung_on_CT.nii.gz").get_fdata() > 0
    tumour = nibabel.load(STUDY / "tumour_on_CT.nii.gz").get_fdata() == 1
    first, last = 62, 86  # slices with lung tumour
    affine = pair.ct.affine.copy()
    affine[:3, 3] += first * affine[:3, 2]
    uptake = resample(pair.pet.array, pair.pet.affine, affine, (*pair.ct.shape[:2], last - first))
    assert np.median(pair.ct.array[lung]) < -600
    assert np.median(uptake[tumour[:, :, first:last]]) > 3 * np.median(uptake[lung[:, :, first:last]])


@pytest.mark.slow
def test_converted_to_enhanced_it_is_the_same_to_the_bit(pair, tmp_path):
    from highdicom import UID
    from highdicom.legacy import LegacyConvertedEnhancedCTImage, LegacyConvertedEnhancedPETImage

    kinds = {"CT": LegacyConvertedEnhancedCTImage, "PET": LegacyConvertedEnhancedPETImage}
    for number, (kind, made) in enumerate(kinds.items(), start=1):
        slices = [dcmread(file) for file in sorted((STUDY / kind).iterdir())]
        for one in slices:
            one.decompress()
            one.PatientName = f"{one.PatientName}^"  # highdicom warns of names in one part
        made(slices, UID(), number, UID(), 1).save_as(tmp_path / f"{kind}.dcm")
    found = read_pet_ct(read_study(tmp_path))
    for one, other in ((pair.ct, found.ct), (pair.pet, found.pet)):
        assert np.array_equal(one.array, other.array)
        assert np.array_equal(one.affine, other.affine)
    assert np.array_equal(pair.scale.factors, found.scale.factors)
    assert pair.scale.how == found.scale.how
