"""A mask file as voxels of the CT, or refused."""

import numpy as np
import pytest

from cipa.errors import DataError
from cipa.evaluation.read_mask import MaskReading, Target, read_mask, read_truth
from cipa.io.volume import Volume
from study_truth import AFFINE, SHAPE, box_mask, write_nifti

CT = Target(Volume(np.zeros(SHAPE, np.int16), AFFINE))
TRUTH, MASK = MaskReading(of="truth"), MaskReading()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "truth.nii.gz"


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("value", [1, 255])
def test_whatever_is_not_0_is_tumour_if_it_is_one_value(path, dtype, value):
    mask, lines = read_truth(write_nifti(path, box_mask(value=value, dtype=dtype)), CT, TRUTH)
    np.testing.assert_array_equal(mask, box_mask())
    assert mask.dtype == bool
    assert lines == ()


def test_other_orders_and_directions_of_axes_cost_no_voxel(path):
    turned = box_mask().transpose(2, 0, 1)[::-1]
    affine = AFFINE[:, [2, 0, 1, 3]].copy()
    affine[:3, 3] += AFFINE[:3, 2] * (SHAPE[2] - 1)
    affine[:3, 0] *= -1
    mask, lines = read_truth(write_nifti(path, np.ascontiguousarray(turned), affine), CT, TRUTH)
    np.testing.assert_array_equal(mask, box_mask())
    assert lines == ()


def test_rounded_headers_are_the_same_grid(path):
    affine = AFFINE.copy()
    affine[0, 3] += 0.04
    mask, lines = read_truth(write_nifti(path, box_mask(), affine), CT, TRUTH)
    np.testing.assert_array_equal(mask, box_mask())
    assert lines == ()


@pytest.mark.parametrize(
    ("array", "shift", "said"),
    [
        (
            box_mask(),
            1.0,
            r"24 x 20 x 6 voxels of 2 x 2 x 3 mm from \(25, 20, -9\), but the CT has .*\(24, 20",
        ),
        (box_mask()[:, :, :5], 0.0, "24 x 20 x 5 voxels .*, but the CT has 24 x 20 x 6 .*--resample"),
        (np.zeros((24, 20, 5), np.uint8), 0.0, "24 x 20 x 5 voxels"),
    ],
)
def test_another_grid_is_refused_with_both(path, array, shift, said):
    affine = AFFINE.copy()
    affine[0, 3] += shift
    with pytest.raises(DataError, match=said):
        read_truth(write_nifti(path, array, affine), CT, TRUTH)


def test_another_grid_is_resampled_if_asked_and_said_with_its_volumes(path):
    fine = np.repeat(box_mask(), 2, axis=0)
    affine = AFFINE.copy()
    affine[:3, 0] /= 2
    affine[:3, 3] -= affine[:3, 0] / 2
    mask, lines = read_truth(write_nifti(path, fine, affine), CT, MaskReading(resample=True))
    assert abs(int(mask.sum()) - 90) <= 15  # a voxel of the CT lies between two of these
    assert lines[0].startswith("truth.nii.gz: not on the grid of the CT")
    assert "1.08 mL of tumour became" in lines[0]
    empty, lines = read_mask(write_nifti(path, 0 * fine, affine), CT, MaskReading(resample=True))
    assert (empty.any(), empty.shape, lines) == (False, SHAPE, ())
    affine[0, 3] += 900
    with pytest.raises(DataError, match="lies outside the CT"):
        read_truth(write_nifti(path, fine, affine), CT, MaskReading(resample=True))


def test_a_label_is_chosen_and_several_without_choice_are_refused(path):
    both = box_mask(value=2)
    both[0, 0, 0] = 1
    write_nifti(path, both)
    np.testing.assert_array_equal(read_truth(path, CT, MaskReading(2))[0], box_mask())
    with pytest.raises(DataError, match=r"several values \(1, 2\); say with --truth-label which"):
        read_truth(path, CT, TRUTH)
    with pytest.raises(DataError, match="--mask-label"):
        read_mask(path, CT, MASK)


def test_a_label_that_is_absent_beside_others_is_no_tumour_and_said(path):
    mask, lines = read_mask(write_nifti(path, box_mask(value=1)), CT, MaskReading(2))
    assert not mask.any()
    assert lines == ("truth.nii.gz: no voxel has label 2, but 1: taken as without tumour",)


def test_an_empty_truth_is_a_patient_without_tumour_and_an_empty_prediction_is_nothing_to_say(path):
    write_nifti(path, box_mask(None))
    truth, lines = read_truth(path, CT, TRUTH)
    assert not truth.any()
    assert lines == ("truth.nii.gz: an empty mask, taken as a patient without tumour",)
    assert read_mask(path, CT, MASK)[1] == ()


def test_probabilities_and_files_of_other_kinds_are_refused(path, tmp_path):
    with pytest.raises(DataError, match=r"holds 0\.4"):
        read_truth(write_nifti(path, box_mask(value=0.4, dtype=np.float32)), CT, TRUTH)
    (tmp_path / "truth.mha").touch()
    with pytest.raises(DataError, match=r"truth.mha: no NIfTI, DICOM SEG or RTSTRUCT"):
        read_truth(tmp_path / "truth.mha", CT, TRUTH)
    with pytest.raises(DataError, match=r"none\.nii\.gz"):
        read_truth(tmp_path / "none.nii.gz", CT, TRUTH)
