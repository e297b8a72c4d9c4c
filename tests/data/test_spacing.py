"""Where the size of a voxel comes from."""

import json

import pytest

from cipa.data.spacing import SpacingUnknown, find_spacings
from cipa.errors import DataError, UsageError


def write(root, metadata):
    (root / "metadata.json").write_text(metadata if isinstance(metadata, str) else json.dumps(metadata))


def test_a_flag_does_for_a_data_set_that_does_not_say(tmp_path):
    write(tmp_path, {"patients": {"0003": {"spacing_mm": [9, 9, 9]}}})
    assert find_spacings(tmp_path, ["0001", "0002"], [3, 1, 1.5]) == dict.fromkeys(
        ("0001", "0002"), (3.0, 1.0, 1.5)
    )


@pytest.mark.parametrize("where", ["set", "patient"])
def test_a_flag_that_contradicts_the_file_is_refused(tmp_path, where):
    stored = {"spacing_mm": [3.27, 3.90625, 3.90625]}
    write(tmp_path, stored if where == "set" else {"patients": {"0002": stored}})
    with pytest.raises(UsageError, match=r"--spacing 3.27 0.977 0.977: .*metadata.json says 3.27 3.90625"):
        find_spacings(tmp_path, ["0001", "0002"], [3.27, 0.977, 0.977])
    assert find_spacings(tmp_path, ["0002"], [3.27, 3.906, 3.906]) == {"0002": (3.27, 3.906, 3.906)}


def test_a_patients_own_spacing_goes_before_the_data_sets(tmp_path):
    write(tmp_path, {"spacing_mm": [3, 1, 1], "patients": {"0002": {"spacing_mm": [5, 2, 2], "source": "x"}}})
    assert find_spacings(tmp_path, ["0002", "0001"]) == {"0001": (3, 1, 1), "0002": (5, 2, 2)}


@pytest.mark.parametrize("metadata", [None, {}, {"patients": {"0001": {"source": "x"}}}])
def test_an_unknown_spacing_names_the_patient_and_the_ways_out(tmp_path, metadata):
    if metadata is not None:
        write(tmp_path, metadata)
    with pytest.raises(SpacingUnknown, match=r"patient 0001 and 1 more; .*--spacing"):
        find_spacings(tmp_path, ["0001", "0002"])


@pytest.mark.parametrize("given", [[3, 1], [3, 1, 0], [3, 1, -1], [3, 1, float("nan")], []])
def test_a_flag_that_is_no_spacing_is_a_usage_error(tmp_path, given):
    with pytest.raises(UsageError, match="--spacing"):
        find_spacings(tmp_path, ["0001"], given)


@pytest.mark.parametrize("value", [[3, 1], 3, "3 1 1", [3, 1, 0], [3, 1, True], [1, 1, None]])
def test_a_file_with_no_spacing_where_one_should_be_is_named(tmp_path, value):
    write(tmp_path, {"patients": {"0001": {"spacing_mm": value}}})
    with pytest.raises(DataError, match=r"metadata.json: spacing_mm of patient 0001"):
        find_spacings(tmp_path, ["0001"])


def test_a_file_that_is_no_object_is_malformed_and_not_taken_for_an_absent_one(tmp_path):
    write(tmp_path, [])
    with pytest.raises(DataError, match=r"metadata.json: holds a list"):
        find_spacings(tmp_path, ["0001"])


def test_a_file_that_is_not_json_is_named(tmp_path):
    write(tmp_path, "spacing 3 1 1")
    with pytest.raises(DataError, match=r"metadata.json: not JSON"):
        find_spacings(tmp_path, ["0001"])
