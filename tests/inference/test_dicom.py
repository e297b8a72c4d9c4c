import shutil

import nibabel
import numpy as np
import pytest

from cipa.errors import DataError, UsageError
from cipa.inference.dicom import predict_dicom
from cipa.inference.predictor import Predictor
from cipa.io.checks import VolumeWarning
from dicom_files import write_series

HOUR = 70e3 / (350e6 * 2 ** (-3600 / 6586.2))
# rows and columns exchanged
LPS = np.array([[0, -2.0, 0, 90], [2.0, 0, 0, -40], [0, 0, 3.0, 7], [0, 0, 0, 1]])


@pytest.fixture
def study(tmp_path):
    """CT of air and soft tissue; PET of SUV 15 in a box that is off centre along every axis."""
    ct, pet = np.full((32, 32, 5), 1000), np.zeros((32, 32, 5))
    ct[0] = 100
    pet[20:24, 5:8, 3] = 15 / HOUR
    write_series(tmp_path / "study" / "ct", "CT", ct, LPS)
    write_series(tmp_path / "study" / "pet", "PT", pet.round(), LPS)
    return tmp_path / "study"


@pytest.fixture
def predictor(network):
    return Predictor(network(), "cpu")


def test_hot_box_becomes_a_mask_at_its_place_in_the_patient(study, predictor, tmp_path):
    summary = predict_dicom(predictor, study, tmp_path / "out", probability=True)
    mask = nibabel.load(tmp_path / "out" / "mask.nii.gz")
    expected = np.zeros((32, 32, 5))
    expected[20:24, 5:8, 3] = 1
    assert np.array_equal(mask.get_fdata(), expected)
    assert mask.get_data_dtype() == np.uint8
    assert np.allclose(mask.affine, np.diag([-1, -1, 1, 1]) @ LPS)
    assert (summary.pixels, summary.slices_with_tumour, summary.slices) == (12, 1, 5)
    assert summary.millilitres == pytest.approx(12 * 12 / 1000)
    assert (tmp_path / "out" / "probability.nii.gz").exists()


def test_a_zip_gives_the_same_mask(study, predictor, tmp_path):
    shutil.make_archive(str(tmp_path / "packed"), "zip", study)
    assert predict_dicom(predictor, tmp_path / "packed.zip", tmp_path / "out").pixels == 12
    with pytest.raises(UsageError, match="give a folder"):
        predict_dicom(predictor, tmp_path / "packed.zip", tmp_path / "packed.zip")


def test_given_weight_changes_the_suv_that_the_network_sees(study, predictor, tmp_path):
    light = {"weight_kg": 35.0}  # SUV 7.5 is below the network's threshold of 10
    assert predict_dicom(predictor, study, tmp_path / "out", study_options=light).pixels == 0


def test_a_damaged_file_is_warned_about(study, predictor, tmp_path):
    (study / "broken.dcm").write_bytes(b"?")
    with pytest.warns(VolumeWarning, match=r"broken\.dcm cannot be read"):
        predict_dicom(predictor, study, tmp_path / "out")


def test_nothing_is_written_for_a_study_that_cannot_be_used(study, predictor, tmp_path):
    shutil.rmtree(study / "pet")
    with pytest.raises(DataError, match="no PET series"):
        predict_dicom(predictor, study, tmp_path / "out")
    assert not (tmp_path / "out").exists()
