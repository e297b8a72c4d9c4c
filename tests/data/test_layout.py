import pytest

from cipa.data.layout import images_on_disk, is_slice_id, patient_of, read_ids, slice_number
from cipa.errors import DataError


@pytest.mark.parametrize(
    ("slice_id", "patient", "number"),
    [("0001_023", "0001", 23), ("0605_7", "0605", 7), ("P12_series3_045", "P12", 45)],
)
def test_an_id_names_patient_and_place(slice_id, patient, number):
    assert is_slice_id(slice_id)
    assert patient_of(slice_id) == patient
    assert slice_number(slice_id) == number


@pytest.mark.parametrize(
    "text", ["0001", "_001", "0001_", "0001/0001_001", "../x_1", ".._1", "0001_ab", "a b_1"]
)
def test_what_is_no_id_is_known(text):
    assert not is_slice_id(text)


def test_an_id_without_a_number_is_refused():
    with pytest.raises(DataError, match="0001_ab"):
        slice_number("0001_ab")


@pytest.mark.parametrize(
    "content",
    [
        b"0001_001\n0001_002\n",
        b"0001_001\n0001_002",
        b"0001_001\r\n\r\n  0001_002 \r\n",
        b"\xef\xbb\xbf0001_001\n0001_002",
    ],
    ids=["plain", "no last line end", "Windows with blank lines", "byte-order mark"],
)
def test_lists_are_read_however_they_were_saved(tmp_path, content):
    (tmp_path / "train.txt").write_bytes(content)
    assert read_ids(tmp_path, "train") == ["0001_001", "0001_002"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"0001_001\njunk\n", "'junk' is no slice id"),
        (b"a\0b_1\n", "'a b_1' is no slice id"),
        (b"a\x1b[31m_1\n", "'a \\[31m_1' is no slice id"),
        (b"a_" + b"1" * 5000, "is no slice id"),
        (b"0001_001\n0001_002\n0001_001", "0001_001 is listed twice"),
        (b"\n", "empty list"),
        (b"\x89PNG\xff\xfe", "not a text file"),
    ],
)
def test_a_bad_list_is_one_line_that_names_it(tmp_path, content, message):
    (tmp_path / "test.txt").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_ids(tmp_path, "test")
    assert str(tmp_path / "test.txt") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(DataError, match=r"train\.txt: no such list"):
        read_ids(tmp_path, "train")


def test_images_on_disk_come_by_patient_and_slice_number(folder):
    for slice_id in ("0002_1", "0001_10", "0001_9"):
        folder.add(slice_id)
    folder.path("0001_9", "PET").unlink()
    (folder.root / "0001" / "notes.txt").touch()
    (folder.root / "0001" / "0002_5_CT.png").touch()  # of another patient than its folder's
    (folder.root / ".partial-x").mkdir()
    found = images_on_disk(folder.root)
    assert list(found) == ["0001_9", "0001_10", "0002_1"]
    assert found["0001_9"] == {"CT", "mask"}
    assert list(images_on_disk(folder.root, ["0002", "0099"])) == ["0002_1"]


def test_a_missing_data_set_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such folder"):
        images_on_disk(tmp_path / "nowhere")
