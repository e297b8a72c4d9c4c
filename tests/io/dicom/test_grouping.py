"""Slices of one series: alike within tolerance, copies by place and pixels, and what is left out is said."""

import shutil

import numpy as np
import pytest
from pydicom import dcmread

from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from dicom_files import save, write_series

VALUES = np.arange(4 * 4 * 9).reshape(4, 4, 9)


def turned(angle):
    return [np.cos(angle), np.sin(angle), 0, -np.sin(angle), np.cos(angle), 0]


def change(file, **tags):
    one = dcmread(file)
    for name, value in tags.items():
        setattr(one, name, value)
    save(one, file)


@pytest.mark.parametrize("step", [1e-6, 4e-6, 1e-4, 4.9e-4])
@pytest.mark.parametrize("which", [lambda i: i % 2, lambda i: i == 4, lambda i: i == 8, lambda i: i / 8])
def test_orientations_that_jitter_are_one_series(tmp_path, step, which):
    for middle in (0.0005, 0.00149999, 0.0):
        folder = tmp_path / f"{middle}"
        directions = tuple(np.round(turned(middle + step * (2 * which(i) - 1)), 9).tolist() for i in range(9))
        write_series(folder, "CT", VALUES, ImageOrientationPatient=directions)
        (series,) = read_study(folder).series
        assert (series.shape, series.problems, series.warnings) == ((4, 4, 9), (), ())


@pytest.mark.parametrize("spacings", [(0.97655, 0.97656), (0.976562, 0.9766), (3.90625, 3.9062)])
def test_spacings_that_jitter_are_one_series(tmp_path, spacings):
    values = tuple([spacings[i % 2], spacings[0]] for i in range(9))
    write_series(tmp_path, "CT", VALUES, PixelSpacing=values)
    (series,) = read_study(tmp_path).series
    assert (series.shape, series.problems) == ((4, 4, 9), ())


@pytest.mark.parametrize(
    ("tags", "what"),
    [
        ({"ImageOrientationPatient": turned(0.02)}, "orientation or pixel spacing"),
        ({"PixelSpacing": [2.1, 2.1]}, "orientation or pixel spacing"),
        ({"FrameOfReferenceUID": "9.9"}, "frame of reference"),
    ],
)
def test_a_slice_at_the_end_that_is_not_alike_is_left_out_and_said(tmp_path, tags, what):
    files = write_series(tmp_path, "CT", VALUES)
    change(files[-1], **tags)
    main = max(read_study(tmp_path).series, key=lambda series: len(series.slices))
    assert main.shape[2] == 8
    assert main.warnings == (
        f"1 files of this series differ in {what} and are left out, {files[-1].name} for one",
    )


def test_two_stacks_of_one_series_are_parted_though_no_slice_is_near_the_median(tmp_path):
    tilt = tuple(turned(0.1 * (i % 2)) for i in range(9))
    write_series(tmp_path, "CT", VALUES, ImageOrientationPatient=tilt)
    assert sorted(series.shape[2] for series in read_study(tmp_path).series) == [4, 5]


def ct_of(folder):
    return next(series for series in read_study(folder).series if series.modality == "CT")


@pytest.fixture
def folder(tmp_path):
    write_series(tmp_path, "PT", VALUES)
    write_series(tmp_path, "CT", VALUES)
    return tmp_path


def cts(folder):
    return sorted(folder.glob("CT*.dcm"), key=lambda file: dcmread(file).ImagePositionPatient[2])


@pytest.mark.parametrize("uids", [lambda i: i // 2, lambda i: 0, lambda i: "", lambda i: i % 5])
def test_slices_that_share_a_uid_are_all_kept_and_said(folder, uids):
    for index, file in enumerate(cts(folder)):
        change(file, SOPInstanceUID=f"1.2.{uids(index)}".rstrip("."))
    found = ct_of(folder)
    assert found.shape[2] == 9
    assert np.array_equal(read_pet_ct(read_study(folder)).ct.array, VALUES - 1024)
    assert "SOP Instance UID (0008,0018) is not unique" in found.warnings[0]


@pytest.mark.parametrize("uid", [None, "1.2.77"])
def test_a_copy_is_left_out_under_the_same_or_another_uid(folder, uid):
    for file in cts(folder)[2:4]:
        copy = shutil.copy(file, folder / f"copy{file.name}")
        change(copy, **({"SOPInstanceUID": uid + file.stem[-1]} if uid else {}))
    found = ct_of(folder)
    assert found.shape[2] == 9
    under = " under another UID" if uid else ""
    assert found.warnings == (f"copies of other files{under} left out: 2",)


def test_a_copy_in_another_transfer_syntax_is_one(folder):
    file = cts(folder)[0]
    one = dcmread(file)
    one.PixelData = np.asarray(one.pixel_array, "<u2").tobytes()
    one.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    one.save_as(folder / "implicit.dcm", implicit_vr=True, little_endian=True)
    assert ct_of(folder).warnings == ("copies of other files left out: 1",)


@pytest.mark.parametrize("uid", [None, "1.2.77"])
def test_two_files_of_one_place_and_other_pixels_are_no_copies(folder, uid):
    copy = shutil.copy(cts(folder)[3], folder / "copy.dcm")
    one = dcmread(copy)
    change(copy, PixelData=b"\1" * len(one.PixelData), **({"SOPInstanceUID": uid} if uid else {}))
    assert "1 of 10 slices lie where another does" in ct_of(folder).problems[0]


def test_a_projection_is_no_slice(folder):
    change(cts(folder)[8], ImageType=["DERIVED", "SECONDARY", "PROJECTION IMAGE"])
    found = ct_of(folder)
    assert found.shape[2] == 8
    assert "is left out: a projection" in found.warnings[0]
