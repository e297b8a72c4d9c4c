from itertools import permutations, product

import highdicom
import numpy as np
import pytest
from pydicom import dcmread
from scipy.spatial.transform import Rotation

from cipa.errors import DataError
from cipa.io.dicom.objects.lesion import Algorithm
from cipa.io.dicom.seg import load_writer, write_seg
from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from dicom_files import write_series

TURNED = Rotation.from_euler("xyz", [9, -14, 21], degrees=True).as_matrix()
EDGES, SHAPE = (0.9, 1.3, 2.5), (5, 4, 3)


def lps_of(orientation):
    """Affine from (column, row, slice) to LPS, oblique, its axes along `orientation`."""
    axes, signs = orientation[:3], orientation[3:]
    lps = np.eye(4)
    lps[:3, :3] = TURNED @ (np.eye(3)[:, axes] * signs) * EDGES
    lps[:3, 3] = 31, -17, 5
    return lps


def pair_of(folder, lps, **tags):
    values = np.arange(np.prod(SHAPE)).reshape(SHAPE) * 7
    write_series(folder / "ct", "CT", values, lps, **tags)
    write_series(folder / "pet", "PT", values, lps, **tags)
    return read_pet_ct(read_study(folder))


def asymmetric():
    """An L in one corner and a lone voxel in another, which no turn or mirror maps onto itself."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[0, :3, 0] = mask[1, 0, 0] = mask[4, 3, 1] = 1
    return mask


def points_of_seg(path):
    """Patient coordinates of every voxel of a segment, from the frames' own positions and nothing else."""
    found = dcmread(path)
    shared = found.SharedFunctionalGroupsSequence[0]
    row, column = np.reshape(shared.PlaneOrientationSequence[0].ImageOrientationPatient, (2, 3)).astype(float)
    between_rows, between_columns = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    points = []
    for frame, place in zip(found.pixel_array, found.PerFrameFunctionalGroupsSequence, strict=True):
        corner = np.array(place.PlanePositionSequence[0].ImagePositionPatient, float)
        for i, j in np.argwhere(frame):
            points.append(corner + row * j * between_columns + column * i * between_rows)
    return np.array(points)


@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_a_seg_lies_where_the_mask_does_in_every_orientation(tmp_path, axes):
    for signs in product((1, -1), repeat=3):
        folder = tmp_path / "".join(map(str, signs))
        pair, mask = pair_of(folder, lps_of((*axes, *signs))), asymmetric()
        write_seg(folder / "seg.dcm", mask, pair.ct_slices, Algorithm("CIPA nano", "1"))
        expected = np.argwhere(mask) @ pair.ct.affine[:3, :3].T + pair.ct.affine[:3, 3]
        found = points_of_seg(folder / "seg.dcm") * [-1, -1, 1]
        assert len(found) == len(expected) == 5
        assert np.abs(expected[:, None] - found).sum(axis=2).min(axis=1) == pytest.approx(0, abs=1e-4)


def test_every_ct_slice_keeps_its_frame_voxel_for_voxel(tmp_path):
    pair, mask = pair_of(tmp_path, lps_of((0, 1, 2, 1, 1, -1))), asymmetric()
    write_seg(tmp_path / "seg.dcm", mask, pair.ct_slices, Algorithm("CIPA nano", "1"))
    seg = highdicom.seg.segread(tmp_path / "seg.dcm")
    uids = [one.header.SOPInstanceUID for one in pair.ct_slices]
    frames = seg.get_pixels_by_source_instance(uids, combine_segments=True)
    assert np.array_equal(frames.T, mask)
    assert int(seg.NumberOfFrames) == SHAPE[2]  # the last holds no tumour


@pytest.mark.parametrize("filled", [0, 1])
def test_masks_of_nothing_and_of_everything(tmp_path, filled):
    pair, mask = pair_of(tmp_path, lps_of((0, 1, 2, 1, 1, 1))), np.full(SHAPE, filled, np.uint8)
    write_seg(tmp_path / "seg.dcm", mask, pair.ct_slices, Algorithm("CIPA nano", "1"))
    assert np.array_equal(dcmread(tmp_path / "seg.dcm").pixel_array.T, mask)


def test_a_seg_says_what_it_is_and_whose(tmp_path):
    pair = pair_of(
        tmp_path, lps_of((0, 1, 2, 1, 1, 1)), SpecificCharacterSet="ISO_IR 192", PatientName="Müller^Ö"
    )
    write_seg(tmp_path / "seg.dcm", asymmetric(), pair.ct_slices, Algorithm("CIPA nano", "1"))
    seg = dcmread(tmp_path / "seg.dcm")
    assert seg.ContentDescription == "Research software, not a medical device"
    assert (seg.Modality, seg.PatientName) == ("SEG", "Müller^Ö")
    header = pair.ct_slices[0].header
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID"):
        assert seg[keyword].value == header[keyword].value
    (series,) = seg.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == header.SeriesInstanceUID != seg.SeriesInstanceUID
    assert {one.ReferencedSOPInstanceUID for one in series.ReferencedInstanceSequence} == {
        one.header.SOPInstanceUID for one in pair.ct_slices
    }
    segment = seg.SegmentSequence[0]
    assert (segment.SegmentAlgorithmType, segment.SegmentAlgorithmName) == ("AUTOMATIC", "CIPA nano")


def test_spacing_is_that_of_the_positions_not_the_thickness(tmp_path):
    pair = pair_of(tmp_path, lps_of((0, 1, 2, 1, 1, 1)), SliceThickness=5)
    write_seg(tmp_path / "seg.dcm", asymmetric(), pair.ct_slices, Algorithm("CIPA nano", "1"))
    (measures,) = dcmread(tmp_path / "seg.dcm").SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    assert (measures.SpacingBetweenSlices, measures.SliceThickness) == (2.5, 5)


def test_the_cts_own_headers_stay_as_they_are(tmp_path):
    pair = pair_of(tmp_path, lps_of((0, 1, 2, 1, 1, 1)), SliceThickness=7)
    before = [str(one.header) for one in pair.ct_slices]
    write_seg(tmp_path / "seg.dcm", asymmetric(), pair.ct_slices, Algorithm("nano", "0"))
    assert [str(one.header) for one in pair.ct_slices] == before


def test_a_ct_that_cannot_be_referred_to_is_one_line(tmp_path):
    pair = pair_of(tmp_path, lps_of((0, 1, 2, 1, 1, 1)))
    del pair.ct_slices[0].header.FrameOfReferenceUID
    with pytest.raises(DataError, match="DICOM SEG cannot be written"):
        write_seg(tmp_path / "seg.dcm", asymmetric(), pair.ct_slices, Algorithm("CIPA nano", "1"))
    assert not (tmp_path / "seg.dcm").exists()


def test_the_writer_s_tables_can_be_loaded_before_they_are_needed():
    table = highdicom._standard_utils.get_module_attribute_map
    table.cache_clear()
    load_writer()
    assert table.cache_info().currsize == 1
