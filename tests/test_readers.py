"""Every way in which a small file can be wrong is one line with its name."""

import os
import struct
import threading
import zipfile

import pytest

from cipa import readers
from cipa.errors import DataError
from cipa.readers import check_yaml, excerpt, open_regular, read_csv, read_json, read_json_object, read_text


def refusal(read, path, *more):
    with pytest.raises(DataError) as caught:
        read(path, *more, "mend it")
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert line.endswith("; mend it")
    assert line.isprintable()
    return line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": 1', "not JSON"),
        (b"\xff\xfe{}", "byte 0xff at 0"),
        (b'{"a": Infinity}', "Infinity is no number"),
        (b'{"a": NaN}', "NaN is no number"),
        (b"9" * 5000, "not JSON"),
        (b"\x00\x1b[31m", "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_what_is_no_json_is_one_line(tmp_path, content, said):
    (tmp_path / "a.json").write_bytes(content)
    assert said in refusal(read_json, tmp_path / "a.json")


@pytest.mark.parametrize(
    ("content", "said"), [("[]", "a list"), ("3", "a number"), ('"a"', "text"), ("null", "null")]
)
def test_json_that_is_no_object_is_named_for_what_it_is(tmp_path, content, said):
    (tmp_path / "a.json").write_text(content)
    assert f"holds {said}" in refusal(read_json_object, tmp_path / "a.json")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(tmp_path / "a.json", "") == {"a": 1}


def test_a_file_larger_than_its_kind_is_not_taken_into_memory(tmp_path):
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(2**40)  # sparse: it takes no room
    assert "more than 32 MiB" in refusal(read_json, tmp_path / "a.json")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_pipes_and_devices_are_refused_without_being_opened(tmp_path, make):
    make(tmp_path / "a.json")
    done = threading.Event()

    def read():
        refusal(read_json, tmp_path / "a.json")
        with pytest.raises(DataError, match="a pipe or a device"):
            open_regular(tmp_path / "a.json")
        done.set()

    threading.Thread(target=read, daemon=True).start()
    assert done.wait(10)


def test_absent_files_folders_and_names_with_nul_are_named(tmp_path):
    assert "no such file" in refusal(read_text, tmp_path / "absent")
    assert "a folder" in refusal(read_text, tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_text(tmp_path / "a\0b", "mend it")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: &x [1]\nb: *x\n", "line 1: anchors"),
        ("a: !!float x\n", "line 1: tags"),
        ("a: !!python/object:os.system x\n", "line 1: tags"),
        ("a: " + "[" * 500 + "]" * 500, "nested too deeply"),
        ("a: [", "not YAML"),
        ("a: " + "x" * 70_000, "more than 64 KiB"),
        ("\x00", "not YAML"),
    ],
)
def test_yaml_that_is_more_than_plain_values_is_refused(tmp_path, content, said):
    (tmp_path / "a.yaml").write_text(content)
    assert said in refusal(check_yaml, tmp_path / "a.yaml")


def test_plain_yaml_is_given_back(tmp_path):
    (tmp_path / "a.yaml").write_text("a: [1, 2]\nb: {c: null}\n")
    assert check_yaml(tmp_path / "a.yaml", "") == "a: [1, 2]\nb: {c: null}\n"


def test_rows_come_with_the_number_of_their_line_and_the_columns_asked_for(tmp_path):
    (tmp_path / "a.csv").write_text('a,b,c\n1,2,3\n\n4\n"x\ny",5,6\n')
    assert "line 4 has 1 cells, not 3" in refusal(read_csv, tmp_path / "a.csv", ("c", "a"))
    assert read_csv(tmp_path / "a.csv", ("c", "a"), "", fill=True) == [
        (2, {"c": "3", "a": "1"}),
        (4, {"c": "", "a": "4"}),
        (6, {"c": "6", "a": "x\ny"}),
    ]


def test_tables_without_rows_or_columns_are_refused(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("")
    assert "empty" in refusal(read_csv, tmp_path / "a.csv", ("a",))
    (tmp_path / "a.csv").write_text("b\n1\n")
    assert "no column 'a'" in refusal(read_csv, tmp_path / "a.csv", ("a",))
    monkeypatch.setattr(readers, "MOST_ROWS", 10)
    (tmp_path / "a.csv").write_text("a\n" * 12)
    assert "more than 10 rows" in refusal(read_csv, tmp_path / "a.csv", ("a",))


def test_foreign_text_is_shown_on_one_printable_line_and_cut():
    assert excerpt("a\nb\x1b[31m\tc") == "a b [31m c"
    assert len(excerpt("x" * 10**6)) == 80


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        (1, True),
        (-2.5, True),
        (10**400, False),
        (float("inf"), False),
        (True, False),
        ("1", False),
        (None, False),
    ],
)
def test_a_number_is_finite_and_no_bool(value, is_one):
    assert readers.is_number(value) is is_one


def test_a_zip_in_several_parts_is_a_zip_that_nobody_reads(tmp_path):
    path = tmp_path / "parts.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"1")
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\x05\x06")
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 2)  # of two disks
    path.write_bytes(bytes(content[:end]) + locator + bytes(content[end:]))
    assert readers.is_zip(path)
    with pytest.raises(DataError, match=f"{path.name}: not a zip"):
        readers.read_or_refuse(path, "a zip", "copy it again", lambda: zipfile.ZipFile(path))
