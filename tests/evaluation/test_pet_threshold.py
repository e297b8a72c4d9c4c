"""Thresholds on PET, on slices whose greys are written here."""

import json

import numpy as np
import pytest
from PIL import Image

from cipa.data.grey_scale import read_grey_scale
from cipa.data.pclt20k import PCLT20K
from cipa.errors import DataError, UsageError
from cipa.evaluation.pet_threshold import ThresholdSegmenter, pet_threshold

SIZE = 16
IDS = ["0001_001", "0001_002", "0002_001"]


@pytest.fixture
def data(tmp_path):
    """Patient 0001 has a maximum of 200 in its second slice, 0002 is white; tumour is grey 100 and more."""
    for slice_id, brightest in zip(IDS, (100, 200, 255), strict=True):
        folder = tmp_path / slice_id.split("_")[0]
        folder.mkdir(exist_ok=True)
        pet = np.zeros((SIZE, SIZE), np.uint8)
        pet[0, :4] = (brightest, brightest // 2, 99, 100)
        mask = np.where(pet >= 100, 255, 0).astype(np.uint8)
        for name, image in (("CT", pet), ("PET", pet), ("mask", mask)):
            Image.fromarray(image).save(folder / f"{slice_id}_{name}.png")
    return tmp_path


def test_a_share_is_of_the_patients_maximum_over_all_slices(data):
    found = pet_threshold(data, IDS, "50%", suv_max=10)
    assert found.greys == {"0001": 100, "0002": 127.5}
    assert found.suvs["0002"] == pytest.approx(5)
    assert found.saturated == ["0002"]


def test_a_suv_is_one_grey_for_all(data):
    found = pet_threshold(data, IDS, "2.5", suv_max=10)
    assert found.greys == dict.fromkeys(["0001", "0002"], 63.75)
    assert found.saturated == []


def test_the_tuned_suv_is_the_best_on_the_training_slices(data):
    assert set(pet_threshold(data, IDS, "tuned", tuned_on=IDS).greys.values()) == {100}


def test_masks_hold_what_reaches_the_threshold_and_never_black(data):
    slices = PCLT20K(data, IDS, SIZE)
    pet = np.concatenate([slices[index]["pet"].numpy() for index in (0, 2)])
    masks = ThresholdSegmenter({"0001": 100.0, "0002": 0.0})([IDS[0], IDS[2]], pet, pet)
    assert masks.shape == (2, SIZE, SIZE)
    assert masks.sum(axis=(1, 2)).tolist() == [2, 4]


@pytest.mark.parametrize("rule", ["x", "0", "-1", "101%", "nan", "inf", "%"])
def test_a_rule_that_is_none_is_named(data, rule):
    with pytest.raises(UsageError, match=f"--pet-threshold {rule}: give a SUV"):
        pet_threshold(data, IDS, rule, suv_max=10)


def test_a_suv_without_a_scale_is_refused(data):
    with pytest.raises(UsageError, match="--suv-max"):
        pet_threshold(data, IDS, "2.5")


def test_the_scale_comes_from_the_metadata(data):
    assert read_grey_scale(data, []).suv_max is None
    (data / "metadata.json").write_text(json.dumps({"suv_max": 12}))
    assert read_grey_scale(data, []).suv_max == 12
    (data / "metadata.json").write_text(json.dumps({"suv_max": "much"}))
    with pytest.raises(DataError, match="suv_max"):
        read_grey_scale(data, [])
    (data / "metadata.json").write_text("[]")
    with pytest.raises(DataError, match="a list where an object"):
        read_grey_scale(data, [])


def test_a_suv_is_found_again_where_greys_are_arcsinh(data):
    found = pet_threshold(data, IDS, "2.5", suv_max=20, scaling="arcsinh")
    for patient, grey in found.greys.items():
        assert grey == pytest.approx(255 * np.arcsinh(2.5) / np.arcsinh(20))
        assert found.suvs[patient] == pytest.approx(2.5)
