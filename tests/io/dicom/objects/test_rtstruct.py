import numpy as np
import pytest
from pydicom import dcmread

from cipa.errors import DataError
from cipa.io.dicom.objects.rtstruct import write_rtstruct
from dicom_lesions import BY, JAPANESE, KOREAN, objects_of, pair_of, two_lesions
from dicom_tools import dice, errors_of, plastimatch_masks


def test_plastimatch_fills_the_contours_to_the_mask_with_its_holes(pair, tmp_path):
    labels = two_lesions()
    write_rtstruct(tmp_path / "rt.dcm", labels, pair.ct_slices, objects_of(labels), BY)
    filled = plastimatch_masks(tmp_path / "rt.dcm", pair.ct, tmp_path)
    assert {name: dice(mask, labels == int(name[-1])) for name, mask in filled.items()} == {
        "Lesion 1": 1.0,
        "Lesion 2": 1.0,
    }


@pytest.mark.parametrize("tags", [{}, JAPANESE, KOREAN])
def test_dciodvfy_finds_no_error(tmp_path, tags):
    pair, labels = pair_of(tmp_path / "study", **tags), two_lesions()
    write_rtstruct(tmp_path / "rt.dcm", labels, pair.ct_slices, objects_of(labels), BY)
    assert errors_of(tmp_path / "rt.dcm") == []


def test_each_contour_lies_in_the_plane_of_the_image_it_names(pair, tmp_path):
    labels = two_lesions()
    write_rtstruct(tmp_path / "rt.dcm", labels, pair.ct_slices, objects_of(labels), BY)
    found = dcmread(tmp_path / "rt.dcm")
    heights = {one.header.SOPInstanceUID: float(one.header.ImagePositionPatient[2]) for one in pair.ct_slices}
    contours = [contour for roi in found.ROIContourSequence for contour in roi.ContourSequence]
    assert len(contours) == 4 + 1 + 1  # the island is one more
    for contour in contours:
        points = np.reshape(np.array(contour.ContourData, float), (-1, 3))
        assert len(points) == contour.NumberOfContourPoints
        named = contour.ContourImageSequence[0].ReferencedSOPInstanceUID
        assert points[:, 2] == pytest.approx(heights[named])


def test_a_result_without_lesions_is_a_structure_set_without_rois(pair, tmp_path):
    write_rtstruct(tmp_path / "rt.dcm", np.zeros((40, 36, 6), np.uint16), pair.ct_slices, [], BY)
    assert len(dcmread(tmp_path / "rt.dcm").StructureSetROISequence) == 0


def test_a_ct_that_cannot_be_referred_to_is_one_line(pair, tmp_path):
    del pair.ct_slices[0].header.FrameOfReferenceUID
    with pytest.raises(DataError, match="RTSTRUCT cannot be written: Frame of Reference UID"):
        write_rtstruct(tmp_path / "rt.dcm", two_lesions(), pair.ct_slices, [], BY)
