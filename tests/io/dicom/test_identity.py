import pytest

from cipa.io.dicom.identity import choose_name, find_secrets, make_alias
from dicom_files import header


@pytest.mark.parametrize(
    ("name", "label", "shown"),
    [
        ("Doe^Jane", "/data/DOE JANE/ct.dcm", "/data/*** ***/ct.dcm"),
        ("Doe^Jane", "doe-jane", "***-***"),
        ("Doe^Jane", "does", "does"),  # three letters are looked for as a word
        ("Johnson^Al", "xJOHNSONx al", "x***x ***"),
        ("Li=李", "li 1", "*** 1"),
        ("Müller^Änne", "MÜLLER_1", "***_1"),
        ("", "any", "any"),
    ],
)
def test_parts_of_a_name_are_found_whatever_their_case(name, label, shown):
    one = header("CT", PatientName=name, SpecificCharacterSet="ISO_IR 192")
    assert find_secrets([one]).scrub(label) == shown
    assert (choose_name(label, one) == label) == (shown == label)


def test_an_id_is_a_secret_too_unless_identity_was_removed():
    one = header("CT", PatientName="Doe^Jane", PatientID="4711-A")
    assert choose_name("scan 4711-a", one) == make_alias(one)
    one.PatientIdentityRemoved = "YES"
    assert choose_name("scan 4711-a", one) == "scan 4711-a"


def test_an_alias_is_the_studys_own():
    one, other = header("CT"), header("PT", StudyInstanceUID="1.2.99")
    assert make_alias(one) == make_alias(header("PT")) != make_alias(other)
