import pytest

from cipa.errors import DataError, UsageError
from cipa.serve.mailbox import leave_request, read_requests
from cipa.serve.queue import Queue
from cipa.serve.records import Result
from cipa.serve.service import hold_lock
from cipa.serve.settings import Limits
from cipa.serve.spool import Spool, alias_of, name_study
from cipa.serve.status import find_study, read_status


@pytest.fixture
def spool(tmp_path):
    """One study held, one whose result was given up."""
    spool = Spool(tmp_path / "spool")
    queue = Queue(spool, Limits(free_mb=0), ("pacs",))
    for uid in ("1.2", "1.3"):
        queue.receive(uid, "1", b"content")
        queue.promote(0.0)
        turn = queue.next_turn()
        if uid == "1.2":
            queue.hold(turn, "no PET series")
        else:
            queue.finish(turn, "d1", Result(1.0, ["files/segmentation.dcm"]))

    def give_up(one):
        one.state, one.error = "dead", "refused with status C000"

    queue.change_delivery(name_study("1.3"), "d1", "pacs", give_up)
    return spool


def test_what_needs_a_look_is_listed_with_its_reason(spool):
    status = read_status(spool.root)
    assert not status.running
    assert (status.counts["held"], status.counts["dead"], status.counts["done"]) == (1, 1, 1)
    assert [(one.state, one.alias, one.reason, one.destination) for one in status.lines] == [
        ("dead", alias_of(name_study("1.3")), "refused with status C000", "pacs"),
        ("held", alias_of(name_study("1.2")), "no PET series", ""),
    ]


def test_a_study_at_its_turn_is_seen(spool):
    queue = Queue(spool, Limits(free_mb=0), ())
    queue.receive("1.4", "1", b"content")
    queue.promote(0.0)
    queue.next_turn()
    assert read_status(spool.root).counts["segmenting"] == 1


def test_a_node_at_work_is_seen_and_a_second_one_refused(spool):
    with hold_lock(spool.root):
        assert read_status(spool.root).running
        with pytest.raises(UsageError, match="another cipa serve uses it"), hold_lock(spool.root):
            pass


def test_a_folder_that_is_no_spool_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no spool"):
        read_status(tmp_path)


def test_a_study_is_found_by_its_alias(spool):
    study = name_study("1.2")
    assert find_study(spool.root, alias_of(study)) == study
    with pytest.raises(DataError, match="0 studies"):
        find_study(spool.root, "study-zzz")


def test_requests_are_read_in_their_order_and_a_damaged_one_is_no_obstacle(spool):
    leave_request(spool, "retry", study="a")
    (spool.requests / "00-damaged.json").write_text("{")
    leave_request(spool, "fetch", server="archive", study_uid="1.2")
    assert [one for _, one in read_requests(spool)] == [
        {},
        {"verb": "retry", "study": "a"},
        {"verb": "fetch", "server": "archive", "study_uid": "1.2"},
    ]
