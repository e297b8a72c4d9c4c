"""Corrections of a result are numbered, found again and never replaced by a new prediction."""

import json

import pytest

from cipa.errors import DataError
from cipa.inference.revisions import (
    holds_corrections,
    list_revisions,
    newest_folder,
    next_folder,
    refuse_corrected,
)


def save(result, **record):
    number, folder = next_folder(result)
    (folder / "revision.json").write_text(json.dumps({"by": "reader", **record}))
    return number


def test_a_result_without_corrections_is_its_own_newest_folder(tmp_path):
    assert list_revisions(tmp_path) == []
    assert newest_folder(tmp_path) == tmp_path
    assert not holds_corrections(tmp_path)
    refuse_corrected(tmp_path)


def test_revisions_are_numbered_from_1_and_the_newest_counts(tmp_path):
    assert [save(tmp_path, parent=parent) for parent in range(3)] == [1, 2, 3]
    found = list_revisions(tmp_path)
    assert [(one.number, one.record["parent"]) for one in found] == [(1, 0), (2, 1), (3, 2)]
    assert newest_folder(tmp_path) == tmp_path / "revisions" / "003"


def test_the_thousandth_revision_comes_after_the_one_before_it(tmp_path):
    (tmp_path / "revisions" / "999").mkdir(parents=True)
    (tmp_path / "revisions" / "999" / "revision.json").write_text("{}")
    assert save(tmp_path) == 1000
    assert [one.number for one in list_revisions(tmp_path)] == [999, 1000]


def test_a_number_that_was_taken_is_not_given_again(tmp_path):
    first, second = next_folder(tmp_path), next_folder(tmp_path)
    assert (first[0], second[0]) == (1, 2)


def test_a_revision_that_is_only_about_to_be_written_is_none_yet(tmp_path):
    save(tmp_path)
    next_folder(tmp_path)
    assert [one.number for one in list_revisions(tmp_path)] == [1]


@pytest.mark.parametrize("name", ["01", "x", ".partial-host-1-00000000-001", "001x"])
def test_other_folders_are_no_revisions(tmp_path, name):
    save(tmp_path)
    (tmp_path / "revisions" / name).mkdir()
    assert [one.number for one in list_revisions(tmp_path)] == [1]


@pytest.mark.parametrize("content", [None, "", "[]", "{"])
def test_a_revision_without_its_record_is_refused_and_not_passed_over(tmp_path, content):
    save(tmp_path)
    _, folder = next_folder(tmp_path)
    (folder / "mask.nii.gz").write_bytes(b"x")
    if content is not None:
        (folder / "revision.json").write_text(content)
    with pytest.raises(DataError, match=r"002.revision.json: .*; restore the revision, or move it away"):
        newest_folder(tmp_path)


@pytest.mark.parametrize("kind", ["revision", "strokes"])
def test_a_person_s_work_is_not_replaced(tmp_path, kind):
    if kind == "revision":
        save(tmp_path)
    else:
        (tmp_path / "autosave").write_bytes(b"x")
    assert holds_corrections(tmp_path)
    with pytest.raises(DataError, match="holds corrections made in cipa view, which would be lost"):
        refuse_corrected(tmp_path)
