"""Links among folders, names that are not UTF-8, and files without a preamble."""

import io
import os
import sys

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from cipa.io.dicom.folders import show_name, walk_folders
from cipa.io.dicom.preamble import begins_like_dicom
from cipa.io.dicom.source import looks_like_dicom
from cipa.io.dicom.study import choose_pair, read_study
from cipa.io.dicom.summary import summarise
from cipa.io.dicom.volumes import read_pet_ct
from cipa.io.studies import find_studies
from studies import write_study

SHAPES = [(32, 32, 5), (32, 32, 5)]


def shapes(folder):
    return [series.shape for series in choose_pair(read_study(folder))]


def test_linked_folders_are_followed(tmp_path):
    write_study(tmp_path / "store")
    (tmp_path / "study").mkdir()
    for kind in ("ct", "pet"):
        (tmp_path / "study" / kind).symlink_to(tmp_path / "store" / kind)
    assert shapes(tmp_path / "study") == SHAPES
    (tmp_path / "root").symlink_to(tmp_path / "study")
    assert shapes(tmp_path / "root") == SHAPES
    assert [one.name for one in find_studies(tmp_path / "root")] == ["root"]


def test_a_farm_of_links_is_a_folder_of_studies(tmp_path):
    for number in (1, 2):
        write_study(
            tmp_path / "data" / f"x{number}", StudyInstanceUID=f"1.{number}", FrameOfReferenceUID="1.9"
        )
        (tmp_path / "farm").mkdir(exist_ok=True)
        (tmp_path / "farm" / f"P{number}").symlink_to(tmp_path / "data" / f"x{number}")
    assert [one.name for one in find_studies(tmp_path / "farm")] == ["P1", "P2"]


def test_loops_end_and_nothing_is_read_twice(tmp_path):
    study = write_study(tmp_path / "study")
    for name, target in (
        ("up", tmp_path),
        ("self", study),
        ("sibling", study / "ct"),
        ("gone", study / "none"),
    ):
        (study / name).symlink_to(target)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "back").symlink_to(study)
    (study / "out").symlink_to(tmp_path / "other")
    assert shapes(study) == SHAPES
    assert all(series.warnings == () for series in read_study(study).series)
    visited = [os.path.realpath(folder) for folder, _ in walk_folders(study)]
    assert len(visited) == len(set(visited)) == 4


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux alone")
def test_names_that_are_not_utf8_are_shown_with_replacement_characters(tmp_path):
    folder = tmp_path / os.fsdecode(b"M\xfcller")
    write_study(folder)
    (folder / os.fsdecode(b"besch\xe4digt.dcm")).write_bytes(b"x" * 300)
    study = read_study(folder)
    assert study.damaged == ("besch\ufffddigt.dcm",)
    assert study.source.endswith("/M\ufffdller")
    pair = read_pet_ct(study)
    for line in (pair.ct.name, pair.pet.name, *pair.warnings, find_studies(tmp_path)[0].name):
        line.encode()
    assert show_name("plain") == "plain"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("suffix", [".dcm", ""])
@pytest.mark.parametrize("keeps_meta", [False, True])
def test_files_without_a_preamble_are_read(tmp_path, syntax, suffix, keeps_meta):
    write_study(tmp_path / "whole")
    expected = read_pet_ct(read_study(tmp_path / "whole"))
    for file in (tmp_path / "whole").rglob("*.dcm"):
        one = dcmread(file)
        list(one)
        if syntax == ExplicitVRBigEndian:
            one.PixelData = one.pixel_array.astype(">u2").tobytes()
        stream = io.BytesIO()
        meta = one.file_meta
        del one.file_meta
        if keeps_meta:
            meta.TransferSyntaxUID = syntax
            one.file_meta = meta
        one.preamble = None
        one._read_implicit, one._read_little = syntax.is_implicit_VR, syntax.is_little_endian
        one.save_as(
            stream,
            implicit_vr=syntax.is_implicit_VR,
            little_endian=syntax.is_little_endian,
            enforce_file_format=False,
        )
        bare = tmp_path / "bare" / file.parent.name / f"{file.stem}{suffix}"
        bare.parent.mkdir(parents=True, exist_ok=True)
        bare.write_bytes(stream.getvalue())
        assert looks_like_dicom(bare)
    found = read_pet_ct(read_study(tmp_path / "bare"))
    assert np.array_equal(found.ct.array, expected.ct.array)
    assert np.array_equal(found.pet.array, expected.pet.array)
    assert [one.name for one in find_studies(tmp_path / "bare")] == ["bare"]


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x08\x00",
        b"hello world, no DICOM at all",
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 130,
        b"\x00" * 140,
        b"\x08\x00\xff\xff" + b"\xff" * 20,
        b"PK\x03\x04" + b"\x00" * 140,
        bytes(range(140)),
    ],
)
def test_other_files_do_not_begin_like_dicom(head):
    assert not begins_like_dicom(head)


def test_a_damaged_file_without_a_preamble_is_named_if_it_was_meant_to_be_dicom(tmp_path):
    write_study(tmp_path)
    (tmp_path / "a.dcm").write_bytes(b"\x08\0\x05\0CS\x0a\0ISO_IR 100" + b"\xff" * 40)
    (tmp_path / "b.dcm").write_bytes(b"no DICOM")
    assert read_study(tmp_path).damaged == ("a.dcm", "b.dcm")


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1\x1b\x1b", "1.2\\1.3", "9.9.9", "Doe"])
@pytest.mark.filterwarnings("ignore")
def test_a_transfer_syntax_that_is_none_is_refused_and_not_quoted(tmp_path, syntax):
    write_study(tmp_path)
    known = b"1.2.840.10008.1.2.1\0"
    for file in (tmp_path / "ct").iterdir():
        file.write_bytes(file.read_bytes().replace(known, syntax.encode().ljust(len(known), b"\0")))
    facts = summarise(tmp_path)
    assert not facts["usable"]
    assert "Transfer Syntax UID (0002,0010) is none that DICOM knows" in facts["problems"][0]
