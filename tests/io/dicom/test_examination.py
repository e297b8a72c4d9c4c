import pytest
from pydicom.dataset import Dataset

from cipa.io.dicom.examination import read_body_size, read_examination
from dicom_files import header
from dicom_lesions import pair_of


def size_of(ct=None, given=None, **tags):
    pet = header("PT", **tags)
    return read_body_size([pet, pet], ct or Dataset(), **(given or {}))


def test_weight_height_and_sex_are_read_from_the_header():
    found = size_of(PatientSize=1.8, PatientSex="F")
    assert (found.weight_kg, found.height_m, found.sex) == (70.0, 1.8, "F")
    assert (found.absent, found.doubtful, found.warnings) == ({}, {}, ())


def test_what_is_absent_is_told_from_what_is_malformed_and_what_cannot_be():
    found = size_of()
    assert set(found.absent) == {"height_m", "sex"}
    assert found.absent["height_m"] == "Patient's Size (0010,1020) is missing; give --height-m"
    found = size_of(PatientSize=7.5, PatientSex="QUENTINA")
    assert found.absent == {}
    assert found.doubtful == {
        "height_m": "Patient's Size (0010,1020) is 7.5 m, which cannot be; give --height-m",
        "sex": "Patient's Sex (0010,0040) is none of M, F and O; give --sex",
    }
    assert (found.height_m, found.sex) == (None, None)


def test_a_height_of_nought_is_absent_and_one_in_centimetres_is_said():
    assert "height_m" in size_of(PatientSize=0, PatientSex="M").absent
    found = size_of(PatientSize=182, PatientSex="M")
    assert found.height_m == pytest.approx(1.82)
    assert "is 182, which is taken as centimetres" in found.warnings[0]


def test_the_ct_says_what_the_pet_does_not_and_a_contradiction_is_said():
    ct = header("CT", PatientSize=1.7, PatientSex="M")
    found = size_of(ct)
    assert (found.height_m, found.sex, found.warnings) == (1.7, "M", ())
    found = size_of(ct, PatientSex="F")
    assert found.sex == "F"
    assert "differs between PET and CT" in found.warnings[0]


def test_what_the_user_gives_stands_before_the_header():
    given = {"weight_kg": 80.0, "height_m": 1.9, "sex": "M"}
    found = size_of(given=given, PatientSize=7.5, PatientSex="F")
    assert (found.weight_kg, found.height_m, found.sex) == (80.0, 1.9, "M")
    assert (found.absent, found.doubtful) == ({}, {})


def test_an_examination_holds_no_name_and_what_the_header_does_not_say_is_none(tmp_path):
    pair = pair_of(tmp_path, StudyDate="20240502", PatientID="4711")
    headers = [one.header for one in pair.pet_series.slices]
    found = read_examination(pair, read_body_size(headers, pair.ct_series.header))
    assert found["date"] == "2024-05-02"
    assert (found["dose_mbq"], found["uptake_minutes"], found["weight_kg"]) == (350.0, 60.0, 70.0)
    assert found["reconstruction"] is None
    assert "Secret" not in str(found)
    assert "4711" not in str(found)
