import numpy as np
import pytest
from pydicom import dcmread

from cipa.io.dicom.objects.read_regions import read_regions
from cipa.io.dicom.objects.references import refer_to
from cipa.io.dicom.objects.rtstruct import write_rtstruct
from cipa.io.dicom.objects.sr import write_sr
from cipa.io.dicom.seg import write_seg
from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from dicom_lesions import BY, objects_of, pair_of, two_lesions
from dicom_tools import errors_of
from enhanced_files import enhance, save_enhanced


@pytest.fixture
def enhanced(tmp_path):
    pair_of(tmp_path / "classic")
    for kind in ("ct", "pet"):
        files = sorted((tmp_path / "classic" / kind).iterdir())
        save_enhanced(enhance([*files[3:], *files[2::-1]]), tmp_path / "enhanced" / f"{kind}.dcm")
    return read_pet_ct(read_study(tmp_path / "enhanced"))


@pytest.fixture
def written(enhanced, tmp_path):
    """SEG, SR and RTSTRUCT of two lesions on an enhanced CT whose frames are not sorted by position."""
    labels = two_lesions()
    lesions, ct = objects_of(labels), enhanced.ct_slices
    assert [one.frame for one in ct] != sorted(one.frame for one in ct)
    seg = write_seg(tmp_path / "seg.dcm", labels, ct, BY, lesions)
    write_sr(tmp_path / "sr.dcm", seg, ct, enhanced.pet_slices, lesions, {"mtv_ml": 3.0}, BY)
    write_rtstruct(tmp_path / "rt.dcm", labels, ct, lesions, BY)
    return tmp_path


def heights(pair):
    """Height of each frame of the CT's file, by its number."""
    with pair.ct_slices[0].entry.open() as stream:
        file = dcmread(stream)
    places = (
        one.PlanePositionSequence[0].ImagePositionPatient for one in file.PerFrameFunctionalGroupsSequence
    )
    return {number: float(place[2]) for number, place in enumerate(places, start=1)}


def test_dciodvfy_finds_no_error(written):
    assert {name: errors_of(written / f"{name}.dcm") for name in ("seg", "sr", "rt")} == {
        "seg": [],
        "sr": [],
        "rt": [],
    }


def test_they_read_back_to_the_same_voxels(written, enhanced):
    for name in ("seg.dcm", "rt.dcm"):
        masks = read_regions(written / name, enhanced.ct, enhanced.pet, wanted=["*"]).masks
        for number, mask in enumerate(masks, start=1):
            assert np.array_equal(mask, two_lesions() == number)


def test_a_seg_is_that_of_the_classic_study_to_the_bit(written, tmp_path):
    classic, labels = read_pet_ct(read_study(tmp_path / "classic")), two_lesions()
    expected = write_seg(tmp_path / "classic.dcm", labels, classic.ct_slices, BY, objects_of(labels))
    assert dcmread(written / "seg.dcm").PixelData == expected.PixelData


def test_each_frame_of_a_seg_names_the_frame_that_lies_where_it_does(written, enhanced):
    seg = dcmread(written / "seg.dcm")
    uid = enhanced.ct_slices[0].header.SOPInstanceUID
    for groups in seg.PerFrameFunctionalGroupsSequence:
        (source,) = groups.DerivationImageSequence[0].SourceImageSequence
        assert source.ReferencedSOPInstanceUID == uid
        height = float(groups.PlanePositionSequence[0].ImagePositionPatient[2])
        assert heights(enhanced)[source.ReferencedFrameNumber] == height
    (series,) = seg.ReferencedSeriesSequence
    assert [one.ReferencedSOPInstanceUID for one in series.ReferencedInstanceSequence] == [uid]


def test_each_contour_names_the_frame_that_it_lies_in(written, enhanced):
    found = dcmread(written / "rt.dcm")
    for roi in found.ROIContourSequence:
        for contour in roi.ContourSequence:
            (image,) = contour.ContourImageSequence
            assert float(contour.ContourData[2]) == heights(enhanced)[image.ReferencedFrameNumber]


def test_a_report_names_each_file_once(written):
    report = dcmread(written / "sr.dcm")
    named = [
        one.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    ]
    assert len(named) == len(set(named)) == 3


def test_files_of_one_image_are_named_without_frames(tmp_path):
    pair = pair_of(tmp_path)
    assert all("ReferencedFrameNumber" not in one.item() for one in refer_to(pair.ct_slices))
    assert len(refer_to(pair.ct_slices)) == 6
