import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.objects.read_regions import read_regions
from cipa.io.dicom.objects.rtstruct import write_rtstruct
from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from dicom_files import write_series
from dicom_lesions import BY, objects_of, two_lesions
from dicom_tools import dice, plastimatch_masks

FRAME = "1.2.3.4"


def square(pair, low, high, slice_index, kind="CLOSED_PLANAR", corners=None):
    """A contour about columns and rows `low` to `high` of a CT slice."""
    edge = corners if corners is not None else [[low, low], [high, low], [high, high], [low, high]]
    points = np.c_[np.array(edge, float), np.full(len(edge), slice_index), np.ones(len(edge))]
    contour = Dataset()
    contour.ContourGeometricType = kind
    contour.NumberOfContourPoints = len(points)
    lps = (points @ pair.ct.affine.T)[:, :3] * [-1, -1, 1]
    contour.ContourData = [f"{number:.3f}" for number in lps.ravel()]
    return contour


@pytest.fixture
def write(pair, tmp_path):
    """Write contours as one ROI, or as several by name, and return the file."""

    def writer(contours, frame=FRAME):
        rois = contours if isinstance(contours, dict) else {"GTV": contours}
        labels = two_lesions() * 0
        write_rtstruct(tmp_path / "rt.dcm", labels, pair.ct_slices, [], BY)
        found = dcmread(tmp_path / "rt.dcm")
        for number, (name, drawn) in enumerate(rois.items(), start=1):
            roi, contour = Dataset(), Dataset()
            roi.ROINumber = contour.ReferencedROINumber = number
            roi.ROIName, roi.ReferencedFrameOfReferenceUID = name, frame
            contour.ContourSequence = drawn
            found.StructureSetROISequence.append(roi)
            found.ROIContourSequence.append(contour)
        found.save_as(tmp_path / "rt.dcm")
        return tmp_path / "rt.dcm"

    return writer


def read(path, pair, *wanted):
    return read_regions(path, pair.ct, pair.pet, FRAME, wanted)


def test_what_was_written_comes_back_voxel_for_voxel(pair, tmp_path):
    labels = two_lesions()
    write_rtstruct(tmp_path / "rt.dcm", labels, pair.ct_slices, objects_of(labels), BY)
    found = read(tmp_path / "rt.dcm", pair, "lesion ?")
    assert found.names == ("Lesion 1", "Lesion 2")
    assert found.warnings == ()
    for number, mask in enumerate(found.masks, start=1):
        assert np.array_equal(mask, labels == number)
    assert np.array_equal(found.join(), labels > 0)


def test_plastimatch_fills_smooth_contours_as_this_does(pair, write, tmp_path):
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    circle = np.c_[18.3 + 11.2 * np.cos(angles), 17.1 + 9.7 * np.sin(angles)]
    path = write([square(pair, 0, 0, index, corners=circle) for index in range(1, 5)])
    (mask,) = read(path, pair).masks
    filled = plastimatch_masks(path, pair.ct, tmp_path)
    assert mask.sum() > 1000
    assert dice(mask, filled["GTV"]) >= 0.99


def test_a_contour_in_another_is_a_hole_and_one_in_that_an_island(pair, write):
    path = write([square(pair, low, 30 - low, 2) for low in (2.5, 8.5, 12.5)])
    (mask,) = read(path, pair).masks
    assert mask[:, :, 2].sum() == 25**2 - 13**2 + 5**2
    assert mask.sum() == mask[:, :, 2].sum()


def test_contours_of_the_pet_fill_the_ct_slices_nearest_to_each(tmp_path):
    write_series(tmp_path / "s" / "ct", "CT", np.full((40, 36, 9), 1000), np.diag([2.0, 2.0, 2.0, 1.0]))
    write_series(tmp_path / "s" / "pet", "PT", np.full((20, 18, 4), 9), np.diag([4.0, 4.0, 5.0, 1.0]))
    pair = read_pet_ct(read_study(tmp_path / "s"))
    write_rtstruct(tmp_path / "rt.dcm", np.zeros((40, 36, 9), np.uint8), pair.ct_slices, [], BY)
    found = dcmread(tmp_path / "rt.dcm")
    roi, contour = Dataset(), Dataset()
    roi.ROINumber, roi.ROIName, contour.ReferencedROINumber = 1, "GTV", 1
    contour.ContourSequence = [square(pair, 3.5, 9.5, 2.5)]  # 5 mm: the PET's second slice
    found.StructureSetROISequence, found.ROIContourSequence = [roi], [contour]
    found.save_as(tmp_path / "rt.dcm")
    (mask,) = read(tmp_path / "rt.dcm", pair).masks
    assert np.flatnonzero(mask.any(axis=(0, 1))).tolist() == [2, 3]  # 4 and 6 mm
    assert mask[:, :, 2].sum() == 36
    with pytest.raises(
        DataError, match=r"ROI 'GTV': a contour lies 1.00 mm off the nearest slice of the CT;"
    ):
        read_regions(tmp_path / "rt.dcm", pair.ct, None, FRAME)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "OPEN_PLANAR"}, "a contour is OPEN_PLANAR, which encloses nothing; close or delete it"),
        ({"kind": "POINT"}, "a contour is POINT, which encloses nothing"),
        (
            {"slice_index": 1.4},
            "a contour lies 1.20 mm off the nearest slice of the CT, and in none of the PET",
        ),
        ({"slice_index": 50}, "no contour lies within the CT"),
        ({"slice_index": [1, 1, 2, 2]}, "a contour spans 3.0 mm across the CT's slices"),
    ],
)
def test_contours_that_enclose_nothing_or_lie_nowhere_are_refused_in_a_line(pair, write, change, words):
    path = write([square(pair, 3.5, 9.5, **({"slice_index": 2} | change))])
    with pytest.raises(DataError) as caught:
        read(path, pair)
    assert str(caught.value).startswith(f"{path}: ROI 'GTV': {words}")
    assert "\n" not in str(caught.value)


def test_another_frame_of_reference_is_refused(pair, write):
    with pytest.raises(DataError, match="another frame of reference than the CT's"):
        read(write([square(pair, 3.5, 9.5, 2)], frame="9.9.9"), pair)


def test_rois_are_chosen_by_name_or_pattern_and_an_absent_one_is_named(pair, write):
    rois = {
        name: [square(pair, 3.5, high, 2)] for name, high in (("GTV-1", 6.5), ("GTV-2", 9.5), ("Lung", 30.5))
    }
    path = write(rois)
    assert [mask.sum() for mask in read(path, pair, "gtv*").masks] == [9, 36]
    assert read(path, pair, "Lung", "GTV-1").names == ("GTV-1", "Lung")
    with pytest.raises(DataError, match=r"3 ROIs \(GTV-1, GTV-2, Lung\); say with --region which are"):
        read(path, pair)
    with pytest.raises(DataError, match=r"no ROI is called 'PTV', but GTV-1, GTV-2, Lung; choose"):
        read(path, pair, "PTV")


@pytest.mark.parametrize(
    ("contours", "line", "voxels"),
    [
        ([(3.5, 9.5, 2), (3.5, 9.5, 2)], "1 contours are there twice and are taken once", 36),
        ([(3.5, 9.5, 2), (6.5, 12.5, 2)], "1 pairs of contours overlap", 54),
        ([(3.5, 9.5, 0), (3.5, 9.5, 2), (3.5, 9.5, 4)], "drawn on 3 slices of the 5 from its first", 108),
        ([(3.5, 9.5, 2), (3.5, 9.5, 9)], "1 of 2 contours lie beyond the CT and are left out", 36),
    ],
)
def test_what_can_be_read_in_two_ways_is_said(pair, write, contours, line, voxels):
    found = read(write([square(pair, *one) for one in contours]), pair)
    (warning,) = found.warnings
    assert warning.startswith(f"ROI 'GTV': {line}")
    assert found.join().sum() == voxels


def test_a_contour_that_crosses_itself_is_said_with_its_voxels(pair, write):
    bow = [[2.5, 2.5], [12.5, 12.5], [12.5, 2.5], [2.5, 12.5]]
    found = read(write([square(pair, 0, 0, 2, corners=bow)]), pair)
    (warning,) = found.warnings
    assert "voxels lie where a contour crosses itself" in warning


def test_names_of_rois_do_not_tell_who_the_patient_is(pair, write):
    path = write({"GTV Secret": [square(pair, 3.5, 9.5, 2)], "x": [square(pair, 3.5, 9.5, 2)]})
    with pytest.raises(DataError) as caught:
        read(path, pair)
    assert "Secret" not in str(caught.value)
    assert "Secret" not in read(path, pair, "GTV*").names[0]


def test_a_damaged_file_is_one_line(pair, tmp_path):
    (tmp_path / "rt.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x08\0\x16\0UI\xff\xff1.2")
    with pytest.raises(DataError) as caught:
        read(tmp_path / "rt.dcm", pair)
    assert "\n" not in str(caught.value)
