import time

import pytest

from cipa.serve.metrics import Meters
from cipa.serve.outlet import SendResult
from cipa.serve.queue import Queue
from cipa.serve.records import Result
from cipa.serve.sender import Sender
from cipa.serve.settings import Limits, Retry
from cipa.serve.spool import Spool, name_study

STUDY = name_study("1.2")
OBJECTS = ["files/measurements.dcm", "files/segmentation.dcm"]


@pytest.fixture
def queue(tmp_path):
    """A queue with one result for two destinations."""
    queue = Queue(Spool(tmp_path / "spool"), Limits(free_mb=0), ("pacs", "archive"))
    queue.receive("1.2", "1.2.3", b"content")
    queue.promote(0.0)
    turn = queue.next_turn()
    folder = queue.spool.result_of(STUDY, "d1")
    (folder / "files").mkdir(parents=True)
    for one in OBJECTS:
        (folder / one).write_bytes(b"object")
    queue.finish(turn, "d1", Result(time.time(), OBJECTS))
    return queue


class Outlet:
    """Takes what its answers say, and notes what it was given."""

    def __init__(self, *answers, name="pacs"):
        self.name, self.answers, self.given = name, list(answers), []

    def send(self, paths):
        self.given.append([path.name for path in paths])
        answer = self.answers.pop(0) if self.answers else "all"
        if answer == "all":
            return SendResult(list(paths))
        return SendResult([path for path in paths if path.name in answer], "refused with status A700")


def deliver(queue, outlet, retry=None):
    sender = Sender(queue, outlet, retry or Retry(), Meters(queue))
    for study, digest, result in queue.due(outlet.name, 1e12):
        sender.deliver(study, digest, result)
    return queue.studies[STUDY].record.results["d1"].deliveries[outlet.name]


def test_a_result_is_handed_over_once(queue):
    outlet = Outlet()
    assert deliver(queue, outlet).state == "accepted"
    deliver(queue, outlet)
    assert outlet.given == [["measurements.dcm", "segmentation.dcm"]]


def test_only_what_was_not_taken_is_sent_again(queue):
    outlet = Outlet(["measurements.dcm"])
    one = deliver(queue, outlet)
    assert (one.state, one.error) == ("waiting", "refused with status A700")
    assert deliver(queue, outlet).state == "accepted"
    assert outlet.given[1] == ["segmentation.dcm"]


def test_pauses_double_up_to_the_longest(queue):
    outlet, pauses = Outlet(*[[]] * 5), []
    for _ in range(5):
        began = time.time()
        pauses.append(deliver(queue, outlet, Retry(first_s=1000, longest_s=5000)).next_at - began)
    assert [round(one, -2) for one in pauses] == [1000, 2000, 4000, 5000, 5000]


def test_a_result_becomes_a_dead_letter_with_its_reason(queue):
    one = deliver(queue, Outlet([]), Retry(give_up_hours=0.0))
    assert (one.state, one.error) == ("dead", "refused with status A700")


def test_one_destination_does_not_wait_for_another(queue):
    deliver(queue, Outlet([]))
    assert deliver(queue, Outlet(name="archive")).state == "accepted"
    assert not queue.studies[STUDY].record.is_delivered


def test_what_was_accepted_is_on_disk(queue):
    deliver(queue, Outlet())
    later = Queue(queue.spool, queue.limits, queue.receivers)
    assert [name for name in later.receivers if later.due(name, 1e12)] == ["archive"]


def test_files_that_are_gone_are_named(queue):
    (queue.spool.result_of(STUDY, "d1") / OBJECTS[0]).unlink()
    assert deliver(queue, Outlet()).error == "its files are gone"


def test_a_sender_ends_after_the_result_at_hand(queue):
    sender = Sender(queue, Outlet(), Retry(), Meters(queue))
    sender.start()
    sender.stop()
    sender.join(60)
    assert not sender.is_alive()


def test_metrics_count_attempts(queue):
    meters = Meters(queue)
    sender = Sender(queue, Outlet([]), Retry(), meters)
    sender.deliver(*queue.due("pacs", 1e12)[0])
    assert meters.deliveries.labels("pacs", "failed")._value.get() == 1
