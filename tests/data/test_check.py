import numpy as np
import pytest

from cipa.data.check import check_dataset
from cipa.data.findings import Kind
from cipa.errors import DataError

SIDE = 128


def found(folder, **options):
    """Every finding as (kind, where)."""
    return [(finding.kind, finding.where) for finding in check_dataset(folder.root, **options).findings]


def test_a_whole_data_set_has_facts_and_no_findings(whole):
    report = check_dataset(whole.root)
    assert report.findings == ()
    assert report.size == SIDE
    train, test = report.splits["train"], report.splits["test"]
    assert (train.patients, train.slices, train.tumour_area) == (2, 3, (10, 20, 30))
    assert (test.patients, test.slices, test.tumour_area) == (1, 2, (40, 45, 50))


def test_every_missing_file_is_found(whole):
    whole.path("0001_002", "PET").unlink()
    whole.list("test", ["0003_001", "0003_002", "0077_001"])
    assert found(whole) == [
        (Kind.MISSING_FILE, "0001/0001_002_PET.png"),
        *((Kind.MISSING_FILE, f"0077/0077_001_{image}.png") for image in ("CT", "PET", "mask")),
    ]


def test_what_is_no_8_bit_grey_png_is_unreadable_with_its_reason(whole):
    cut = whole.path("0001_001", "CT")
    cut.write_bytes(cut.read_bytes()[:-100])
    whole.path("0001_002", "CT").write_bytes(b"")
    whole.write("0002_010", "PET", np.full((SIDE, SIDE, 3), (9, 3, 3), np.uint8))
    whole.write("0003_001", "CT", np.full((SIDE, SIDE), 300, np.uint16))
    report = check_dataset(whole.root)
    assert report.counts == {Kind.UNREADABLE_FILE: 4}
    details = [finding.detail for finding in report.findings]
    assert "colour" in details[2]
    assert "more than 8 bits" in details[3]
    assert not any(str(whole.root) in detail for detail in details)


def test_images_are_held_against_the_commonest_size(whole):
    whole.write("0001_002", "PET", np.zeros((64, SIDE), np.uint8))
    [finding] = check_dataset(whole.root).findings
    assert (finding.kind, finding.where) == (Kind.WRONG_SIZE, "0001/0001_002_PET.png")
    assert finding.detail == "128 x 64 pixels where 128 x 128 are expected"


def test_images_are_held_against_the_size_asked_for(whole):
    assert len(found(whole, size=256)) == 15
    assert check_dataset(whole.root, size=256).counts == {Kind.WRONG_SIZE: 15}


def test_a_size_the_network_does_not_take_is_wrong_however_common(folder):
    folder.list("train", [folder.add("0001_001", side=100)])
    folder.list("test", [folder.add("0002_001", side=100)])
    report = check_dataset(folder.root)
    assert report.size == 512
    assert report.counts == {Kind.WRONG_SIZE: 6}


def test_masks_that_are_not_black_and_white_are_found(whole):
    soft = np.zeros((SIDE, SIDE), np.uint8)
    soft[0, :6] = (255, 255, 255, 200, 90, 90)
    whole.write("0001_001", "mask", soft)
    [finding] = check_dataset(whole.root).findings
    assert (finding.kind, finding.where) == (Kind.NOT_BINARY, "0001/0001_001_mask.png")
    assert finding.detail.startswith("3 pixels of 90 to 200")


def test_an_empty_mask_is_a_warning_and_left_out_of_the_areas(whole):
    whole.write("0001_001", "mask", np.zeros((SIDE, SIDE), np.uint8))
    report = check_dataset(whole.root)
    assert report.counts == {Kind.EMPTY_MASK: 1}
    assert (report.errors, report.warnings) == (0, 1)
    assert report.splits["train"].tumour_area == (20, 25, 30)


def test_slips_of_the_split_are_found(whole):
    whole.add("0001_003")
    whole.list("train", ["0001_001", "0001_002", "0001_002", "0002_010", "junk"])
    whole.list("test", ["0003_001", "0003_002", "0001_003", "0002_010"])
    report = check_dataset(whole.root)
    assert [(finding.kind, finding.where) for finding in report.findings] == [
        (Kind.MALFORMED_ID, "junk"),
        (Kind.DUPLICATE_ID, "0001_002"),
        (Kind.ID_IN_BOTH_LISTS, "0002_010"),
        (Kind.PATIENT_IN_BOTH_LISTS, "0001"),
        (Kind.PATIENT_IN_BOTH_LISTS, "0002"),
    ]
    assert report.findings[3].detail == "2 slices in train, 1 in test"
    assert report.errors == 5
    assert report.splits["train"].slices == 3


def test_slices_in_no_list_are_a_warning(whole):
    whole.list("train", ["0001_001", "0001_002"])
    report = check_dataset(whole.root)
    assert found(whole) == [(Kind.UNLISTED_SLICE, "0002_010")]
    assert report.errors == 0


def test_an_empty_mask_is_a_healthy_slice_where_the_metadata_say_so(whole):
    whole.write("0001_001", "mask", np.zeros((SIDE, SIDE), np.uint8))
    metadata = whole.root / "metadata.json"
    metadata.write_text('{"patients": {"0001": {"slices_with_tumour": 1}}}')
    assert check_dataset(whole.root).findings == ()
    metadata.write_text('{"patients": {"0001": {"slices_with_tumour": 2}}}')  # one was emptied since
    assert found(whole) == [(Kind.EMPTY_MASK, "0001/0001_001_mask.png")]


def test_a_missing_or_empty_list_is_an_error_and_the_other_is_still_checked(whole):
    (whole.root / "test.txt").unlink()
    whole.path("0001_001", "CT").unlink()
    report = check_dataset(whole.root)
    assert report.counts == {Kind.MISSING_LIST: 1, Kind.MISSING_FILE: 1, Kind.UNLISTED_SLICE: 2}
    assert set(report.splits) == {"train"}
    whole.list("test", [])
    assert (Kind.EMPTY_LIST, "test.txt") in found(whole)


@pytest.mark.parametrize("name", ["nowhere", ""])
def test_a_folder_that_is_no_data_set_is_refused(tmp_path, name):
    with pytest.raises(DataError, match="give the folder that holds"):
        check_dataset(tmp_path / name)


def test_the_report_does_not_depend_on_the_number_of_threads(whole):
    whole.path("0001_002", "PET").unlink()
    whole.path("0003_002", "CT").write_bytes(b"")
    assert check_dataset(whole.root, workers=1) == check_dataset(whole.root, workers=8)


def test_progress_counts_every_slice(whole):
    calls = []
    check_dataset(whole.root, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(done, 5) for done in range(1, 6)]


def test_an_interruption_does_not_read_the_rest(whole, monkeypatch):
    read = []
    ids = [whole.add(f"0009_{number:03d}") for number in range(40)]
    whole.list("train", ids)

    def inspect(root, slice_id, there):
        read.append(slice_id)
        raise KeyboardInterrupt

    monkeypatch.setattr("cipa.data.check.inspect_slice", inspect)
    with pytest.raises(KeyboardInterrupt):
        check_dataset(whole.root, workers=1)
    assert len(read) < 40
