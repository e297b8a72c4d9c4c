"""The spool on disk: names that tell no patient's, records that come back, unfinished files that are none."""

import hashlib
import json

import pytest

from cipa.errors import DataError, UsageError
from cipa.io.dicom.identity import make_alias
from cipa.serve.mailbox import leave_request, read_requests
from cipa.serve.records import Delivery, Result, Study, study_from
from cipa.serve.spool import (
    Spool,
    alias_of,
    digest_names,
    make_folder,
    name_image,
    name_study,
    object_prefix,
)
from dicom_files import header

UID = "1.2.840.99999.7"


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


def test_only_the_user_may_look_into_a_spool(spool):
    folders = [spool.root, spool.studies, spool.work, spool.requests, spool.commitments]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


def test_a_study_goes_by_the_alias_that_other_verbs_give_it():
    one = header("CT", StudyInstanceUID=UID)
    assert alias_of(name_study(UID)) == make_alias(one)
    assert UID not in name_study(UID)


def test_a_file_s_name_says_which_object_and_which_bytes():
    names = {name_image(uid, content) for uid in ("1.2", "1.3") for content in (b"a", b"b")}
    assert len(names) == 4
    assert sum(name.startswith(object_prefix("1.2")) for name in names) == 2
    assert hashlib.sha256(b"a").hexdigest()[:32] in name_image("1.2", b"a")


def test_a_set_of_files_is_told_from_another_and_not_by_its_order():
    assert digest_names(["a", "b"]) == digest_names(["b", "a"])
    assert len({digest_names(names) for names in (["a", "b"], ["ab"], ["a"], [])}) == 4


def test_images_are_listed_with_their_bytes_and_unfinished_ones_are_none(spool):
    spool.write_image("s1", "one.dcm", b"12345")
    (spool.images_of("s1") / ".partial-host-1-00000000-two.dcm").write_bytes(b"12")
    assert spool.list_images("s1") == {"one.dcm": 5}
    assert spool.list_images("absent") == {}


def test_studies_are_listed_in_order_and_files_beside_them_are_none(spool):
    for name in ("b", "a"):
        spool.write_record(name, Study())
    (spool.studies / "notes.txt").write_text("x")
    (spool.studies / ".partial-host-1-00000000-c").mkdir()
    assert list(spool.list_studies()) == ["a", "b"]


def whole_study():
    deliveries = {"pacs": Delivery("dead", 8, 5.5, "refused", ["seg.dcm"]), "archive": Delivery("accepted")}
    results = {"d1": Result(7.0, ["seg.dcm"], ["look"], deliveries), "d2": Result(8.0, [], deleted=True)}
    return Study("done", "", "abc", 2, 1.5, 2.5, results)


def test_a_record_comes_back_as_it_was(spool):
    spool.write_record("s1", whole_study())
    assert spool.read_record("s1") == whole_study()
    assert spool.read_record("s2") == Study()


@pytest.mark.parametrize(
    "change",
    [
        {"results": []},
        {"results": None},
        {"results": {"d1": None}},
        {"results": {"d1": {"made_at": 1.0}}},
        {"results": {"d1": {"made_at": 1.0, "objects": [], "deliveries": {"pacs": {"colour": 1}}}}},
        {"other": 1},
    ],
)
def test_a_record_of_another_version_is_refused(change):
    document = json.loads(whole_study().to_json())
    with pytest.raises(DataError, match="record of a study: not one of this version"):
        study_from(document | change)


@pytest.mark.parametrize("content", ["", "{", "[]", "7"])
def test_a_damaged_record_is_named_with_the_way_out(spool, content):
    spool.write_record("s1", Study())
    (spool.folder_of("s1") / "study.json").write_text(content)
    with pytest.raises(DataError, match=r"study.json: .*; move its folder away"):
        spool.read_record("s1")


@pytest.mark.parametrize(
    ("states", "is_delivered"),
    [
        ((), False),  # it is nowhere else
        (("accepted",), True),
        (("accepted", "waiting"), False),
        (("accepted", "dead"), False),
    ],
)
def test_a_result_is_delivered_where_every_destination_has_taken_it(states, is_delivered):
    deliveries = {str(number): Delivery(state) for number, state in enumerate(states)}
    assert Result(0.0, [], deliveries=deliveries).is_delivered is is_delivered
    assert Study(results={"d": Result(0.0, [], deliveries=deliveries)}).is_delivered is is_delivered


def test_a_folder_that_is_to_be_deleted_goes_at_once_and_may_be_absent(spool):
    spool.write_image("s1", "one.dcm", b"1")
    gone = spool.move_away("s1", "images")
    assert not spool.images_of("s1").exists()
    assert (gone / "one.dcm").read_bytes() == b"1"
    assert not spool.move_away("s1", "results").exists()
    spool.clear_work()
    assert list(spool.work.iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_a_usage_error(tmp_path):
    (tmp_path / "spool").write_text("x")
    with pytest.raises(UsageError, match="a file stands there; name another folder"):
        make_folder(tmp_path / "spool")


def test_requests_are_taken_in_their_order_and_damaged_ones_too(spool):
    for number in range(3):
        leave_request(spool, "retry", study=str(number))
    (spool.requests / f"{'9' * 20}-x.json").write_text("{")
    (spool.requests / "notes.txt").write_text("x")
    found = list(read_requests(spool))
    assert [request.get("study") for _, request in found] == ["0", "1", "2", None]
    for path, _ in found:
        path.unlink()
    assert list(read_requests(spool)) == []
