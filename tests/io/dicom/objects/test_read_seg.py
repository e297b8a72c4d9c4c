import highdicom
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.sr.codedict import codes

from cipa.errors import DataError
from cipa.io.dicom import seg
from cipa.io.dicom.objects.read_regions import read_regions
from cipa.io.dicom.seg import write_seg
from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from dicom_files import write_series
from dicom_lesions import BY, objects_of, two_lesions

FRAME = "1.2.3.4"


def foreign_seg(path, sources, pixels, kind="BINARY", **more):
    """A SEG of another program on these slices, empty frames left out."""
    described = highdicom.seg.SegmentDescription(
        1, "GTV", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Neoplasm, "MANUAL"
    )
    headers = [dcmread(file) for file in sources]
    for header in headers:
        for keyword in (
            "PatientID",
            "PatientBirthDate",
            "PatientSex",
            "StudyDate",
            "StudyTime",
            "StudyID",
            "AccessionNumber",
            "ReferringPhysicianName",
            "SliceThickness",
        ):
            if keyword not in header:
                setattr(header, keyword, None if keyword != "SliceThickness" else 5)
    highdicom.seg.Segmentation(
        headers, pixels, kind, [described], highdicom.UID(), 1, highdicom.UID(), 1, "x", "x", "1", "1", **more
    ).save_as(path)
    return path


def read(path, pair, *wanted):
    return read_regions(path, pair.ct, pair.pet, FRAME, wanted)


def test_what_was_written_comes_back_voxel_for_voxel(pair, tmp_path):
    labels = two_lesions()
    write_seg(tmp_path / "seg.dcm", labels, pair.ct_slices, BY, objects_of(labels))
    found = read(tmp_path / "seg.dcm", pair, "lesion 2", "lesion 1")
    assert found.names == ("Lesion 1", "Lesion 2")
    assert [np.array_equal(mask, labels == number) for number, mask in enumerate(found.masks, 1)] == [
        True
    ] * 2
    assert found.warnings == ()


def test_all_lesions_of_an_own_seg_are_taken_and_of_any_other_a_choice_is_asked_for(pair, tmp_path):
    labels, path = two_lesions(), tmp_path / "seg.dcm"
    write_seg(path, labels, pair.ct_slices, BY, objects_of(labels))
    assert np.array_equal(read(path, pair).join(), labels > 0)
    header = dcmread(path)
    header.SegmentSequence[1].SegmentLabel = "Liver"  # added by whoever had it since
    header.save_as(path)
    refusal = r"2 segments \(Lesion 1, Liver\); say with --region which are tumour, '\*' for all of them"
    with pytest.raises(DataError, match=refusal):
        read(path, pair)
    header.SegmentSequence[1].SegmentLabel, header.Manufacturer = "Lesion 2", "Another"
    header.save_as(path)
    with pytest.raises(DataError, match=r"2 segments \(Lesion 1, Lesion 2\); say with --region"):
        read(path, pair)


@pytest.mark.parametrize("lps", [np.diag([4.0, 4.0, 5.0, 1.0]), np.diag([-4.0, 4.0, 5.0, 1.0])])
def test_a_seg_on_the_pet_is_taken_by_the_nearest_voxel(tmp_path, lps):
    lps = lps.copy()
    lps[0, 3] = 76 if lps[0, 0] < 0 else 0
    write_series(tmp_path / "s" / "ct", "CT", np.full((40, 36, 9), 1000), np.diag([2.0, 2.0, 2.0, 1.0]))
    files = write_series(tmp_path / "s" / "pet", "PT", np.full((20, 18, 4), 9), lps)
    pair = read_pet_ct(read_study(tmp_path / "s"))
    mask = np.zeros((20, 18, 4), np.uint8)
    mask[5:7, 3:6, 1:3] = 1
    path = foreign_seg(tmp_path / "seg.dcm", files, mask.T)
    (found,) = read(path, pair).masks
    columns, rows, slices = (np.flatnonzero(found.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    low = lps[0, 0] * 5 + lps[0, 3] if lps[0, 0] > 0 else lps[0, 0] * 6 + lps[0, 3]
    assert abs(2.0 * columns.mean() - (low + 2)) <= 1
    assert len(columns) == 4
    assert (rows * 2.0).mean() == pytest.approx(16, abs=1)
    assert slices.tolist() == [2, 3, 4, 5, 6]  # 4 to 12 mm; planes at 5 and 10 mm reach 2.5 to 12.5


def test_fractional_values_are_refused_by_name(pair, tmp_path):
    files = sorted((tmp_path / "study" / "ct").iterdir())
    pixels = np.full((6, 36, 40), 0.5, np.float32)
    path = foreign_seg(tmp_path / "seg.dcm", files, pixels, "FRACTIONAL")
    with pytest.raises(DataError, match=r"seg.dcm: a SEG with fractional values \(probability\)"):
        read(path, pair)


def test_another_frame_of_reference_and_an_absent_segment_are_refused(pair, tmp_path):
    labels = two_lesions()
    write_seg(tmp_path / "seg.dcm", labels, pair.ct_slices, BY, objects_of(labels))
    with pytest.raises(DataError, match="another frame of reference"):
        read_regions(tmp_path / "seg.dcm", pair.ct, pair.pet, "9.9")
    with pytest.raises(DataError, match="no segment is called 'GTV', but Lesion 1, Lesion 2"):
        read(tmp_path / "seg.dcm", pair, "GTV")


def test_other_dicom_is_no_mask(pair, tmp_path):
    file = next((tmp_path / "study" / "ct").iterdir())
    with pytest.raises(DataError, match="neither DICOM SEG nor RTSTRUCT"):
        read(file, pair)


def test_a_seg_of_another_patient_lies_nowhere(pair, tmp_path):
    far = np.diag([2.0, 2.0, 3.0, 1.0])
    far[:3, 3] = 5000
    other = tmp_path / "other"
    values = np.full((40, 36, 6), 1000)
    write_series(other / "ct", "CT", values, far)
    write_series(other / "pet", "PT", values, far)
    there = read_pet_ct(read_study(other))
    write_seg(tmp_path / "seg.dcm", two_lesions() > 0, there.ct_slices, BY)
    with pytest.raises(DataError, match="none of it lies within the CT"):
        read(tmp_path / "seg.dcm", pair)


def test_beyond_a_number_of_frames_empty_ones_are_left_out_and_nothing_moves(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(seg, "MOST_FRAMES", 11)
    labels = two_lesions()
    seg.write_seg(tmp_path / "seg.dcm", labels, pair.ct_slices, BY, objects_of(labels))
    assert int(dcmread(tmp_path / "seg.dcm").NumberOfFrames) == 4 + 1
    found = read(tmp_path / "seg.dcm", pair, "lesion*")
    assert [np.array_equal(mask, labels == number) for number, mask in enumerate(found.masks, 1)] == [
        True
    ] * 2
