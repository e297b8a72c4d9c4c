from datetime import datetime, timedelta

import pytest
from pydicom.dataset import Dataset

from cipa.io.dicom.tags import date_time, moment, name_of, number, numbers, private, text, time_of_day, words
from dicom_files import header


@pytest.mark.parametrize(
    ("found", "seconds"),
    [("10", 36000), ("1030", 37800), ("103005", 37805), ("103005.25 ", 37805.25), ("10:30:05", 37805)],
)
def test_times_of_every_precision_are_read(found, seconds):
    assert time_of_day(found) == timedelta(seconds=seconds)


@pytest.mark.parametrize("found", ["", "1", "2400", "1060", "noon", "103005.", "10300512"])
def test_what_is_no_time_is_none(found):
    assert time_of_day(found) is None


def test_date_and_time_make_a_moment_unless_one_is_wrong():
    assert moment("20240229", "0130") == datetime(2024, 2, 29, 1, 30)
    assert moment("2024.02.29", "0130") == datetime(2024, 2, 29, 1, 30)
    assert moment("20230229", "0130") is None
    assert moment("", "0130") is None


def test_date_time_is_local_and_needs_an_hour():
    assert date_time("20240502090000.50+0200 ") == datetime(2024, 5, 2, 9, 0, 0, 500000)
    assert date_time("2024050209-0500") == datetime(2024, 5, 2, 9)
    assert date_time("20240502") is None


def test_values_that_are_absent_empty_or_malformed_are_none():
    one = header("CT", SeriesDescription="two\nlines", PatientWeight="", ImageType=["a", "b"])
    assert text(one, "SeriesDescription") == "two lines"
    assert words(one, "ImageType") == ("A", "B")
    assert words(one, "CorrectedImage") == ()
    assert number(one, "PatientWeight") is number(one, "SeriesDescription") is number(one, "Rows") is None
    assert numbers(one, "PixelSpacing", 2) is None


def test_a_private_element_counts_only_under_its_creator():
    one = Dataset()
    one.private_block(0x7053, "Somebody Else", create=True).add_new(0x00, "DS", "5")
    assert private(one, 0x7053, "Philips PET Private Group", 0x00) == ""
    one.private_block(0x7053, "Philips PET Private Group", create=True).add_new(0x00, "UN", b"7 \0")
    assert private(one, 0x7053, "Philips PET Private Group", 0x00) == "7"


def test_tags_are_named_as_the_standard_does():
    assert name_of("RadionuclideTotalDose") == "Radionuclide Total Dose (0018,1074)"
