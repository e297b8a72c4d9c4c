"""Why a series cannot be used, or what is odd about one that can, is said in one line each."""

import numpy as np
import pytest
from pydicom import dcmread

from cipa.io.dicom.study import read_study
from dicom_files import write_series

VALUES = np.full((6, 5, 3), 1000)


def read(folder, modality, **tags):
    write_series(folder, modality, VALUES, **tags)
    (series,) = read_study(folder).series
    return series


@pytest.mark.parametrize("modality", ["CT", "PT"])
def test_a_sound_series_has_neither_problems_nor_warnings(tmp_path, modality):
    series = read(tmp_path, modality)
    assert (series.problems, series.warnings) == ((), ())
    assert series.shape == VALUES.shape


@pytest.mark.parametrize(
    ("modality", "tags", "reason"),
    [
        ("CT", {"Modality": "MR"}, "neither CT nor PET"),
        ("CT", {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "a localizer (scout)"),
        ("PT", {"SeriesType": ["WHOLE BODY", "REPROJECTION"]}, "a projection; export the slices"),
        ("CT", {"ImageType": ["DERIVED", "PRIMARY", "PROJECTION IMAGE"]}, "a projection; export the slices"),
        ("PT", {"VolumeBasedCalculationTechnique": "MAX_IP"}, "a projection; export the slices"),
        ("CT", {"SamplesPerPixel": 3}, "no grey image (a screenshot or report)"),
        ("CT", {"PhotometricInterpretation": "PALETTE COLOR"}, "is not MONOCHROME; export the grey image"),
        ("CT", {"ImageOrientationPatient": None}, "orientation or pixel spacing is missing or malformed"),
        ("CT", {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "is missing or malformed"),
        ("CT", {"PixelSpacing": [0, 1]}, "is missing or malformed"),
        ("PT", {"CorrectedImage": ["DECY"]}, "not attenuation corrected: Corrected Image (0028,0051) lacks"),
        ("CT", {"RescaleSlope": None}, "Rescale Slope (0028,1053) or intercept is missing or malformed"),
        ("CT", {"RescaleSlope": 0}, "Rescale Slope (0028,1053) is 0; export the series again"),
    ],
)
def test_a_series_that_cannot_be_used_says_why(tmp_path, modality, tags, reason):
    (problem,) = read(tmp_path, modality, **tags).problems
    assert reason in problem


@pytest.mark.parametrize(
    ("modality", "tags", "line"),
    [
        ("PT", {"NumberOfSlices": 4}, "3 slices, but Number of Slices (0054,0081) says 4"),
        ("CT", {"PhotometricInterpretation": "MONOCHROME1"}, "taken as a wish to be shown inverted"),
        ("CT", {"RescaleType": "OD"}, "Rescale Type (0028,1054) is OD, not HU: values are taken as HU"),
    ],
)
def test_what_is_odd_about_a_series_that_can_be_used_is_said(tmp_path, modality, tags, line):
    series = read(tmp_path, modality, **tags)
    assert series.problems == ()
    assert [line in one for one in series.warnings] == [True]


@pytest.mark.parametrize("kind", ["HU", "US", "hu"])
def test_common_rescale_types_are_no_warning(tmp_path, kind):
    assert read(tmp_path, "CT", RescaleType=kind).warnings == ()


def test_slices_of_another_matrix_are_parted_from_the_series_and_said(tmp_path):
    uid = dcmread(write_series(tmp_path / "a", "CT", VALUES)[0]).SeriesInstanceUID
    write_series(tmp_path / "b", "CT", VALUES[:4, :, :2], SeriesInstanceUID=uid)
    series = read_study(tmp_path).series
    assert [len(one.slices) for one in series] == [3, 2]
    (line,) = series[0].warnings
    assert "2 files of this series differ in" in line
    assert "are left out" in line


def test_a_series_is_called_by_modality_number_and_description(tmp_path):
    series = read(tmp_path, "PT", SeriesNumber=7, SeriesDescription="WB corrected")
    assert series.title == "PET series 7 'WB corrected'"


def test_a_description_that_holds_the_patient_s_name_is_scrubbed(tmp_path):
    series = read(tmp_path, "CT", PatientName="Zorblax^Quentin", SeriesDescription="for ZORBLAX")
    assert "zorblax" not in series.title.lower()


def test_series_are_in_the_order_of_their_numbers(tmp_path):
    for number in (30, 2, 11):
        write_series(
            tmp_path / str(number), "CT", VALUES, SeriesNumber=number, SeriesInstanceUID=f"1.2.{number}"
        )
    assert [one.number for one in read_study(tmp_path).series] == ["2", "11", "30"]
