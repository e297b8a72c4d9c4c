import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from cipa.io.dicom.tags import (
    MalformedTag,
    name_of,
    number,
    numbers,
    private,
    read_number,
    tag_error,
    text,
    value_as_written,
    values_as_written,
    words,
)
from dicom_files import header


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


@pytest.mark.parametrize("found", ["93.4", b"93.4 ", "93.4\\93.4"])
def test_a_tag_is_absent_malformed_or_used(found):
    one = Dataset()
    assert values_as_written(one, "PatientWeight") == ()
    assert read_number(one, "PatientWeight") is None
    one.add_new("PatientWeight", "UN" if isinstance(found, bytes) else "LO", found)
    assert read_number(one, "PatientWeight") == 93.4


@pytest.mark.parametrize("found", ["93,4", "heavy", "nan", "80\\90", "1_000", "1e999"])
def test_a_malformed_number_is_an_error_and_not_absent(found):
    one = Dataset()
    one.add_new("PatientWeight", "LO", found)
    with pytest.raises(MalformedTag, match=r"Patient's Weight \(0010,1030\)") as error:
        read_number(one, "PatientWeight")
    assert "heavy" not in str(error.value)


def test_only_numbers_dates_and_times_are_quoted():
    assert "'10:99'" in str(tag_error("SeriesTime", "10:99", "a time"))
    assert "Jane" not in str(tag_error("SeriesTime", "Jane Doe", "a time"))


def test_several_equal_values_are_one():
    one = Dataset()
    one.add_new("SeriesTime", "TM", ["100000", "100000"])
    assert value_as_written(one, "SeriesTime") == "100000"


def test_an_element_of_no_known_representation_is_none():
    one = Dataset()
    one._dict[Tag("Rows")] = RawDataElement(Tag("Rows"), "S\2", 0, None, 0, False, True)
    assert number(one, "Rows") is None
    assert (text(one, "Rows"), words(one, "Rows"), values_as_written(one, "Rows")) == ("", (), ())
