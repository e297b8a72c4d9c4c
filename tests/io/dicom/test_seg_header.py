"""A SEG of CTs whose patient and study attributes break the standard: written, cleaned, and said."""

import numpy as np
import pytest
from pydicom import dcmread

from cipa.io.dicom.objects.lesion import Algorithm
from cipa.io.dicom.seg import SegError, check_seg, write_seg
from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from dicom_files import save, write_series

VALUES = np.arange(5 * 4 * 3).reshape(5, 4, 3)
pytestmark = pytest.mark.filterwarnings("ignore")


def slices_of(folder, raw=None, **tags):
    """Slices of a CT with these tags; `raw` are bytes to stand for the letters NNN of them."""
    write_series(folder, "PT", VALUES, **tags)
    write_series(folder, "CT", VALUES, **tags)
    if raw is not None:
        for file in folder.iterdir():
            file.write_bytes(file.read_bytes().replace(b"N" * len(raw), raw))
    return read_pet_ct(read_study(folder)).ct_slices


def seg_of(folder, slices):
    mask = np.zeros((5, 4, 3), np.uint8)
    mask[1, 2, 1] = 1
    write_seg(folder / "seg.dcm", mask, slices, Algorithm("CIPA nano", "1"))
    return dcmread(folder / "seg.dcm")


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        *(("ISO_IR 100", "Müller^J"), ("ISO_IR 192", "Zoé^Łucja=山田"), ("ISO_IR 144", "Иванов^Пётр")),
        *(
            (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
            (["", "ISO 2022 IR 149"], "Hong=洪^吉洞=홍^길동"),
        ),
        *(("GB18030", "Wang^XiaoDong=王^小东"), ("ISO 2022 IR 100", "Müller^J"), ("ISO_IR 126", "Διονυσιος")),
        *(
            ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
            ("ISO_IR 127", "قباني^لنزار"),
            ("ISO_IR 166", "สมชาย"),
            ("GBK", "王^小东"),
        ),
    ],
)
def test_names_of_every_character_set_are_repeated(tmp_path, declared, name):
    slices = slices_of(tmp_path, SpecificCharacterSet=declared, PatientName=name)
    assert check_seg(slices) == ()
    seg = seg_of(tmp_path, slices)
    assert (seg.SpecificCharacterSet, str(seg.PatientName)) == ("ISO_IR 192", name)


@pytest.mark.parametrize(
    ("raw", "declared", "name"),
    [
        ("Müller".encode("latin-1"), "", "Müller"),
        ("Müller".encode(), "", "Müller"),
        ("Müller".encode(), "UTF8", "Müller"),
        ("Müller".encode("latin-1"), "ISO_IR 999", "Müller"),
        ("Müller".encode("latin-1"), "ISO_IR 192", "M?ller"),
    ],
)
def test_a_wrong_or_missing_character_set_is_said(tmp_path, raw, declared, name):
    slices = slices_of(tmp_path, raw, SpecificCharacterSet=declared, PatientName="N" * len(raw))
    (line,) = check_seg(slices)
    assert line == "DICOM SEG: Patient's Name (0010,0010) of the CT is malformed and is cleaned"
    assert str(seg_of(tmp_path, slices).PatientName) == name


@pytest.mark.parametrize(
    ("tag", "value", "written"),
    [
        *(("PatientBirthDate", "16/01/1960", None), ("PatientBirthDate", "1960-01-16", "19600116")),
        *(("PatientBirthDate", "1960.01.16", "19600116"), ("PatientBirthDate", "19601301", None)),
        *(("StudyTime", "100000.0000000", "100000"), ("StudyTime", "10:00:00.5", "100000.5")),
        *(("StudyTime", "noon", None), ("StudyDate", "2024-05-02", "20240502"), ("StudyDate", "May 2", None)),
        *(("PatientSex", "U", None), ("PatientSex", "male", "M"), ("PatientSex", "f", "F")),
        *(("PatientID", "x" * 65, None), ("PatientID", "a\\b", None), ("StudyID", "y" * 17, None)),
        *(("AccessionNumber", "z" * 40, None), ("StudyDescription", "w" * 99, "w" * 64)),
        *(("PatientName", "a^b^c^d^e^f^g", "a^b^c^d^e"), ("PatientName", "A=B=C=D", "A=B=C")),
        *(
            ("ReferringPhysicianName", "x\r\ny", "x  y"),
            ("PatientAge", "69", None),
            ("PatientID", "a\x1bb", "a b"),
        ),
    ],
)
def test_a_malformed_attribute_is_cleaned_or_emptied_and_said_without_its_value(
    tmp_path, tag, value, written
):
    slices = slices_of(tmp_path, **{tag: value})
    (line,) = check_seg(slices)
    assert "of the CT is malformed and is" in line
    assert len(value) == 1 or value not in line
    found = seg_of(tmp_path, slices).get(tag)
    assert (str(found) if found else None) == written


def test_several_values_for_one_are_emptied(tmp_path):
    slices = slices_of(tmp_path, AccessionNumber=["a", "b"], StudyDate=["20240502", "20240503"])
    assert len(check_seg(slices)) == 2
    assert not seg_of(tmp_path, slices).AccessionNumber


def test_what_does_not_belong_into_a_seg_stays_behind(tmp_path):
    private = {
        "PatientComments": "SECRET",
        "Occupation": "SECRET",
        "InstitutionAddress": "SECRET",
        "StationName": "SECRET",
        "DeviceSerialNumber": "SECRET",
        "InstitutionName": "SECRET",
        "PatientAddress": "SECRET",
        "PatientTelephoneNumbers": "SECRET",
        "AdditionalPatientHistory": "SECRET",
        "OperatorsName": "SECRET",
        "PatientMotherBirthName": "SECRET",
        "EthnicGroup": "SECRET",
    }
    slices = slices_of(tmp_path, PatientID="4711", **private)
    seg_of(tmp_path, slices)
    assert b"SECRET" not in (tmp_path / "seg.dcm").read_bytes()
    assert dcmread(tmp_path / "seg.dcm").PatientID == "4711"


def test_uids_that_are_not_unique_are_said_beforehand_and_an_error_of_the_seg_alone(tmp_path):
    slices = slices_of(tmp_path, SOPInstanceUID="1.2.3")
    (line,) = check_seg(slices)
    assert line.startswith(
        "DICOM SEG cannot be written: SOP Instance UID (0008,0018) of the CT is not unique"
    )
    with pytest.raises(SegError, match="not unique"):
        seg_of(tmp_path, slices)
    assert not (tmp_path / "seg.dcm").exists()


@pytest.mark.parametrize("uid", ["", "1." + "2" * 70, "1.2.\xff"])
def test_a_slice_without_a_proper_uid_cannot_be_referred_to(tmp_path, uid):
    slices = slices_of(tmp_path)
    slices[1].header.SOPInstanceUID = uid
    assert "SOP Instance UID (0008,0018) of the CT is" in check_seg(slices)[0]
    with pytest.raises(SegError, match="SOP Instance UID"):
        seg_of(tmp_path, slices)


def test_whatever_highdicom_raises_is_an_error_of_the_seg_that_quotes_nothing(tmp_path, monkeypatch):
    import highdicom.seg

    def fail(**_):
        raise RuntimeError("Doe^Jane")

    monkeypatch.setattr(highdicom.seg, "Segmentation", fail)
    with pytest.raises(SegError) as error:
        seg_of(tmp_path, slices_of(tmp_path))
    assert "Doe" not in str(error.value)


def test_study_and_series_are_saved_for_others_to_read(tmp_path):
    slices = slices_of(tmp_path, StudyDate="20240502", StudyTime="101112")
    seg = seg_of(tmp_path, slices)
    assert (seg.StudyDate, seg.StudyTime, seg.PatientBirthDate) == ("20240502", "101112", "")
    save(seg, tmp_path / "again.dcm")
