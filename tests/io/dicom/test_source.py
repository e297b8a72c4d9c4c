import os
import struct
import tracemalloc
import zipfile

import pytest

from cipa.errors import DataError
from cipa.io.dicom import source
from cipa.io.dicom.source import list_files, looks_like_dicom


@pytest.fixture
def archive(tmp_path):
    def write(**members):
        with zipfile.ZipFile(tmp_path / "study.zip", "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in members.items():
                file.writestr(name, content)
        return tmp_path / "study.zip"

    return write


def test_files_of_a_folder_and_of_a_zip_have_the_same_names_and_content(tmp_path, archive):
    path = archive(**{"b/x.dcm": b"xx", "a/y": b"yy", "__MACOSX/._y": b"no", "b/": b""})
    (tmp_path / "folder" / "b").mkdir(parents=True)
    (tmp_path / "folder" / "b" / "x.dcm").write_bytes(b"xx")
    (tmp_path / "folder" / "a").mkdir()
    (tmp_path / "folder" / "a" / "y").write_bytes(b"yy")
    (tmp_path / "folder" / "a" / "._y").write_bytes(b"no")
    for place in (path, tmp_path / "folder"):
        found = list_files(place)
        assert [entry.name for entry in found] == ["a/y", "b/x.dcm"]
        for entry, content in zip(found, (b"yy", b"xx"), strict=True):
            with entry.open() as stream:
                assert stream.read() == content


@pytest.mark.parametrize("name", ["../out.dcm", "/etc/x", "a/../../x", "C:\\x.dcm", "..\\x.dcm"])
def test_a_path_that_leaves_the_archive_is_refused_by_name(archive, name):
    with pytest.raises(DataError, match="leaves the archive") as error:
        list_files(archive(**{"fine.dcm": b"", name: b""}))
    assert repr(name) in str(error.value)


def test_an_encrypted_file_is_refused_by_name(archive):
    path = archive(**{"secret.dcm": b"x"})
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 8 : entry + 10] = struct.pack("<H", 1)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"'secret.dcm' is encrypted"):
        list_files(path)


def test_a_bomb_is_refused_before_it_is_unpacked(archive, monkeypatch):
    path = archive(**{f"{index}.dcm": bytes(200_000) for index in range(3)})
    assert len(list_files(path)) == 3  # a small study of air compresses as well as a bomb does
    monkeypatch.setattr(source, "RATIO_FROM_BYTES", 500_000)
    with pytest.raises(DataError, match=r"3 files, 0\.0 MiB that unpack to 0\.6 MiB"):
        list_files(path)


@pytest.mark.parametrize("limit", ["MOST_FILES", "MOST_BYTES", "MOST_FILE_BYTES"])
def test_an_archive_over_a_limit_is_refused(archive, monkeypatch, limit):
    path = archive(**{"a.dcm": b"123", "b.dcm": b"456"})
    monkeypatch.setattr(source, limit, 1)
    with pytest.raises(DataError, match="unpack"):
        list_files(path)


def test_what_is_neither_folder_nor_zip_is_refused(tmp_path):
    (tmp_path / "one.dcm").write_bytes(b"x")
    with pytest.raises(DataError, match="neither a folder nor a zip"):
        list_files(tmp_path / "one.dcm")
    with pytest.raises(DataError, match="no such folder or zip"):
        list_files(tmp_path / "absent")


def test_packing_that_cannot_be_unpacked_in_pieces_is_refused(tmp_path):
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / "study.zip", "w", method) as file:
            file.writestr("a.dcm", bytes(1000))
        with pytest.raises(DataError, match=r"'a\.dcm' is packed neither by deflate nor plainly"):
            list_files(tmp_path / "study.zip")


def test_the_ratio_is_taken_from_the_archive_and_not_from_what_it_says(archive, monkeypatch):
    path = archive(**{f"{index}.dcm": bytes(200_000) for index in range(3)})
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 20 : at + 24] = struct.pack("<L", 10**9)
    path.write_bytes(content)
    monkeypatch.setattr(source, "RATIO_FROM_BYTES", 500_000)
    with pytest.raises(DataError, match="3 files"):
        list_files(path)


def test_of_a_large_member_only_what_is_read_is_unpacked(archive):
    (entry,) = list_files(archive(**{"a.dcm": bytes(100 * 2**20)}))
    tracemalloc.start()
    with entry.open() as stream:
        assert stream.read(1000) == bytes(1000)
        stream.seek(5000)
        assert stream.tell() == 5000
    assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    tracemalloc.stop()
    with entry.open() as stream, pytest.raises(DataError, match=r"a\.dcm: larger than an image"):
        stream.read()


def test_a_member_without_a_name_is_one_line(archive):
    path = archive(x=b"1")
    content = path.read_bytes().replace(b"\x01\x00\x00\x00x1", b"\x00\x00\x00\x00x1")
    at = content.index(b"PK\x01\x02")
    path.write_bytes(content[: at + 28] + b"\0\0" + content[at + 30 : at + 46] + content[at + 47 :])
    with pytest.raises(DataError, match="zip"):
        list_files(path)


def test_a_pipe_in_a_study_is_an_unreadable_file_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.dcm")
    os.mkfifo(tmp_path / "y")
    assert not looks_like_dicom(tmp_path / "y")
    for entry in list_files(tmp_path):
        with pytest.raises(DataError, match="a pipe or a device"):
            entry.open()
