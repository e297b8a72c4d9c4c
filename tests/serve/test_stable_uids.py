import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from cipa.serve.stable_uids import make_uids_stable, stable_uid
from dicom_files import header, save


def write_pair(folder):
    """An object and one that refers to it and to a source image, all with random UIDs but the source's."""
    one, other, item = header("OT", StudyInstanceUID="1.2"), header("SR", StudyInstanceUID="1.2"), Dataset()
    item.ReferencedSOPInstanceUID, item.TrackingUID = one.SOPInstanceUID, "2.25.77"
    image = Dataset()
    image.ReferencedSOPInstanceUID = "1.2.9"
    other.ReferencedSOPSequence = [item, image]
    folder.mkdir()
    save(one, folder / "a.dcm")
    save(other, folder / "b.dcm")
    return [folder / "a.dcm", folder / "b.dcm"]


@pytest.fixture
def source():
    return [header("CT", SOPInstanceUID="1.2.9", StudyInstanceUID="1.2")]


def test_the_same_seed_gives_the_same_uids_to_other_objects(tmp_path, source):
    first, second = write_pair(tmp_path / "one"), write_pair(tmp_path / "two")
    assert dcmread(first[0]).SOPInstanceUID != dcmread(second[0]).SOPInstanceUID
    for paths in (first, second):
        make_uids_stable(paths, source, "seed")
    for one, other in zip(first, second, strict=True):
        assert dcmread(one) == dcmread(other)


def test_another_seed_gives_other_uids(tmp_path, source):
    first, second = write_pair(tmp_path / "one"), write_pair(tmp_path / "two")
    make_uids_stable(first, source, "seed")
    make_uids_stable(second, source, "another")
    assert dcmread(first[0]).SOPInstanceUID != dcmread(second[0]).SOPInstanceUID


def test_references_follow_and_those_to_the_source_stay(tmp_path, source):
    one, other = write_pair(tmp_path / "one")
    make_uids_stable([one, other], source, "seed")
    first, second = dcmread(one), dcmread(other)
    assert first.SOPInstanceUID == first.file_meta.MediaStorageSOPInstanceUID
    assert second.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert second.ReferencedSOPSequence[0].TrackingUID != "2.25.77"
    assert second.ReferencedSOPSequence[1].ReferencedSOPInstanceUID == "1.2.9"
    assert (second.StudyInstanceUID, second.SOPClassUID) == ("1.2", header("SR").SOPClassUID)


def test_a_stable_uid_is_one_that_dicom_takes():
    uid = stable_uid("seed", 3)
    assert uid.is_valid
    assert uid.startswith("2.25.")
    assert len(uid) <= 64
