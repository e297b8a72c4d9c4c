"""Whether a file is DICOM is told by its first bytes, with the preamble or without it."""

import io

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from cipa.io.dicom.preamble import begins_like_data_set, begins_like_dicom, complete_meta

SYNTAXES = {
    "implicit": ImplicitVRLittleEndian,
    "explicit": ExplicitVRLittleEndian,
    "big endian": ExplicitVRBigEndian,
}


def data_set():
    one = Dataset()
    one.SpecificCharacterSet, one.SOPClassUID = "ISO_IR 100", "1.2.840.10008.5.1.4.1.1.2"
    one.SOPInstanceUID, one.Rows = "1.2.3", 512
    return one


def bare(syntax):
    """A data set alone: no preamble, no file meta information."""
    stream = io.BytesIO()
    is_little = syntax != ExplicitVRBigEndian
    dcmwrite(stream, data_set(), implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=is_little)
    return stream.getvalue()


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_a_data_set_alone_is_known_in_every_encoding(syntax):
    head = bare(syntax)[:140]
    assert begins_like_data_set(head)
    assert begins_like_dicom(head)


def test_a_preamble_of_any_bytes_is_known_by_its_prefix():
    assert begins_like_dicom(b"\xff" * 128 + b"DICM" + bytes(8))
    assert not begins_like_data_set(b"\xff" * 128 + b"DICM" + bytes(8))


def test_file_meta_information_without_a_preamble_is_known():
    assert begins_like_data_set(b"\x02\x00\x00\x00UL\x04\x00\xc8\x00\x00\x00" + bytes(128))


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x08\x00\x05\x00CS",  # too short to be one
        b"\x08\x00\x05\x00ZZ\xff\xff" + bytes(132),
        b"\x08\x00\x99\x99CS\x0a\x00" + bytes(132),
        b"\x00\x08\x00\x05zz\x00\x0a" + bytes(132),
        b"%PDF-1.7 and so on" + bytes(122),
        b"\x89PNG\r\n\x1a\n" + bytes(132),
        b"PK\x03\x04" + bytes(136),
        b"\x1f\x8b\x08\x00" + bytes(136),
        b"DICM" + bytes(136),
        bytes(140),
    ],
)
def test_other_files_are_not_taken_for_dicom(head):
    assert not begins_like_dicom(head)


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_a_syntax_that_is_not_named_is_the_one_that_was_found(syntax):
    one = dcmread(io.BytesIO(bare(syntax)), force=True)
    complete_meta(one, False)
    assert one.file_meta.TransferSyntaxUID == syntax


def test_a_syntax_that_is_named_stays():
    one = data_set()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    complete_meta(one, False)
    assert one.file_meta.TransferSyntaxUID == ExplicitVRBigEndian


def test_how_pixels_are_compressed_is_not_guessed():
    one = dcmread(io.BytesIO(bare(ExplicitVRLittleEndian)), force=True)
    complete_meta(one, True)
    assert "TransferSyntaxUID" not in one.file_meta
