import pytest

from cipa.io.dicom.identity import alias_of, safe_label, scrubbed, secrets_of
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
    assert scrubbed(label, secrets_of(one)) == shown
    assert (safe_label(label, one) == label) == (shown == label)


def test_an_id_is_a_secret_too_unless_identity_was_removed():
    one = header("CT", PatientName="Doe^Jane", PatientID="4711-A")
    assert safe_label("scan 4711-a", one) == alias_of(one)
    one.PatientIdentityRemoved = "YES"
    assert safe_label("scan 4711-a", one) == "scan 4711-a"


def test_an_alias_is_the_studys_own():
    one, other = header("CT"), header("PT", StudyInstanceUID="1.2.99")
    assert alias_of(one) == alias_of(header("PT")) != alias_of(other)
