import pytest

from cipa.errors import UsageError
from cipa.serve import turns as module
from cipa.serve.metrics import Meters
from cipa.serve.queue import Queue
from cipa.serve.settings import Limits, StudyRules
from cipa.serve.spool import Spool, name_study
from cipa.serve.turn_result import TurnResult
from cipa.serve.turns import Turns
from cipa.serve.worker import WorkerDiedError

STUDY = name_study("1.2")

pytestmark = pytest.mark.mistyped  # a stand-in takes the place of the worker


class Worker:
    """Answers as it is told to."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def segment(self, turn, changed, timeout_s):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def take(tmp_path, monkeypatch):
    """Take as many turns of one study as there are answers; returns its record."""
    monkeypatch.setattr(module, "FULL_S", 0.0)
    queue = Queue(Spool(tmp_path / "spool"), Limits(free_mb=0), ("pacs",))
    queue.receive("1.2", "1", b"content")

    def run(*answers, attempts=3):
        turns = Turns(queue, Worker(*answers), StudyRules(attempts=attempts), Meters(queue))
        for _ in answers:
            queue.promote(0.0)
            turns.take(queue.next_turn())
        return queue.studies[STUDY].record

    return run


MADE = TurnResult("made", "d1", ["files/segmentation.dcm"], warnings=["look"])


def test_a_result_is_noted_with_its_warnings_and_destinations(take):
    record = take(MADE)
    assert record.state == "done"
    assert record.results["d1"].warnings == ["look"]
    assert list(record.results["d1"].deliveries) == ["pacs"]


def test_a_known_input_adds_no_result(take):
    record = take(TurnResult("known", "d1"))
    assert (record.state, record.results) == ("done", {})


def test_a_study_that_cannot_be_used_is_held_with_its_reason(take):
    record = take(TurnResult("held", reason="no PET series"))
    assert (record.state, record.reason) == ("held", "no PET series")


def test_a_study_during_which_the_worker_died_is_begun_again(take):
    record = take(WorkerDiedError("the worker ended (signal -9)"), MADE)
    assert record.state == "done"


def test_a_study_that_ends_the_worker_every_time_is_held(take):
    died = WorkerDiedError("the worker ended")
    record = take(died, died, None, attempts=2)
    assert (record.state, record.reason) == ("held", "begun 2 times without an end")


@pytest.mark.parametrize(
    "hindrance", [TurnResult("full"), TurnResult("stale"), UsageError("segmentation: weights gone")]
)
def test_what_is_no_fault_of_the_study_costs_no_attempt(take, hindrance):
    record = take(hindrance, hindrance, MADE, attempts=1)
    assert record.state == "done"
