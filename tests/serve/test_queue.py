import errno
import os
from pathlib import Path

import pytest

from cipa.serve.purge import purge
from cipa.serve.queue import OutOfResourcesError, Queue
from cipa.serve.records import Result
from cipa.serve.settings import Keep, Limits
from cipa.serve.spool import Spool, name_study

STUDY = name_study("1.2")


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


@pytest.fixture
def queue(spool):
    return Queue(spool, Limits(free_mb=0), ("pacs",))


def begin(queue):
    queue.promote(0.0)
    return queue.next_turn()


def segment(queue, digest="d1"):
    turn = begin(queue)
    queue.finish(turn, digest, Result(1.0, ["files/segmentation.dcm"]))
    return turn


def state(queue):
    return queue.studies[STUDY].record.state


def again(queue, receivers=("pacs",)):
    """A node that was killed and started again."""
    return Queue(queue.spool, queue.limits, receivers)


def test_a_received_object_is_a_whole_file_under_names_that_tell_nothing(queue, spool):
    assert queue.receive("1.2", "1.2.3", b"content")
    (file,) = spool.images_of(STUDY).iterdir()
    assert file.read_bytes() == b"content"
    assert "1.2" not in str(file.relative_to(spool.root))


def test_an_object_file_and_every_new_folder_are_flushed_before_it_counts(queue, monkeypatch):
    flushed = []
    link = "/proc/self/fd/{}"
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(str(Path(link.format(handle)).readlink())))
    queue.receive("1.2", "1.2.3", b"content")
    folder = queue.spool.images_of(STUDY)
    assert {str(folder), str(folder.parent), str(folder.parent.parent)} <= set(flushed)
    assert any(one.startswith(f"{folder}/") for one in flushed)


def test_the_same_object_twice_is_one(queue):
    assert queue.receive("1.2", "1.2.3", b"content")
    assert not queue.receive("1.2", "1.2.3", b"content")
    assert len(queue.studies[STUDY].images) == 1
    assert queue.bytes == len(b"content")


def test_an_object_with_other_bytes_replaces_the_first(queue, spool):
    queue.receive("1.2", "1.2.3", b"first")
    assert queue.receive("1.2", "1.2.3", b"other bytes")
    (file,) = spool.images_of(STUDY).iterdir()
    assert file.read_bytes() == b"other bytes"
    assert queue.bytes == len(b"other bytes")


def test_a_study_waits_until_it_was_quiet(queue):
    queue.receive("1.2", "1.2.3", b"content")
    assert queue.promote(3600.0) == []
    assert queue.next_turn() is None
    assert queue.promote(0.0) == [STUDY]
    assert queue.next_turn().study == STUDY


def test_an_object_that_comes_while_its_study_is_queued_makes_it_wait_again(queue):
    queue.receive("1.2", "1.2.3", b"content")
    queue.promote(0.0)
    queue.receive("1.2", "1.2.4", b"late")
    assert state(queue) == "receiving"
    assert len(begin(queue).images) == 2


def test_a_study_that_changes_during_its_turn_is_looked_at_again(queue):
    queue.receive("1.2", "1.2.3", b"content")
    turn = begin(queue)
    queue.receive("1.2", "1.2.4", b"late")
    queue.finish(turn, "d1", Result(1.0, []))
    assert state(queue) == "receiving"
    assert begin(queue).known == ("d1",)


def test_a_study_sent_again_is_not_looked_at_again(queue):
    queue.receive("1.2", "1.2.3", b"content")
    segment(queue)
    assert not queue.receive("1.2", "1.2.3", b"content")
    assert state(queue) == "done"
    assert begin(queue) is None


@pytest.mark.parametrize("moment", ["receiving", "queued", "segmenting"])
def test_a_kill_at_any_moment_before_the_end_brings_the_study_back(queue, moment):
    queue.receive("1.2", "1.2.3", b"content")
    if moment != "receiving":
        queue.promote(0.0)
    if moment == "segmenting":
        queue.next_turn()
    later = again(queue)
    assert begin(later).images == tuple(queue.studies[STUDY].images)


def test_what_ended_stays_ended_after_a_kill(queue):
    queue.receive("1.2", "1.2.3", b"content")
    segment(queue)
    later = again(queue)
    assert state(later) == "done"
    assert begin(later) is None
    assert [digest for _, digest, _ in later.due("pacs", 2.0)] == ["d1"]


def test_an_object_acknowledged_after_the_end_is_seen_after_a_kill(queue):
    queue.receive("1.2", "1.2.3", b"content")
    segment(queue)
    queue.receive("1.2", "1.2.4", b"late")
    assert begin(again(queue)).known == ("d1",)


def test_attempts_are_counted_across_kills(queue):
    queue.receive("1.2", "1.2.3", b"content")
    begin(queue)
    later = again(queue)
    assert begin(later).attempt == 2


def test_a_kill_between_a_replacement_and_the_deletion_leaves_the_newer_file(queue, spool):
    queue.receive("1.2", "1.2.3", b"first")
    (older,) = spool.images_of(STUDY).iterdir()
    os.utime(older, (1, 1))
    kept = older.read_bytes()
    queue.receive("1.2", "1.2.3", b"other bytes")
    older.write_bytes(kept)
    os.utime(older, (1, 1))
    later = again(queue)
    (file,) = spool.images_of(STUDY).iterdir()
    assert file.read_bytes() == b"other bytes"
    assert list(later.studies[STUDY].images) == [file.name]


def test_a_held_study_goes_on_when_more_of_it_comes(queue):
    queue.receive("1.2", "1.2.3", b"content")
    queue.hold(begin(queue), "no PET series")
    assert (state(queue), queue.studies[STUDY].record.reason) == ("held", "no PET series")
    assert begin(queue) is None
    queue.receive("1.2", "1.2.4", b"PET")
    assert len(begin(queue).images) == 2


def test_a_held_study_is_begun_again_when_asked_for(queue):
    queue.receive("1.2", "1.2.3", b"content")
    queue.hold(begin(queue), "no PET series")
    assert queue.retry(STUDY)
    assert begin(queue).attempt == 1


def test_dead_letters_are_kept_and_sent_again_when_asked_for(queue):
    queue.receive("1.2", "1.2.3", b"content")
    segment(queue)
    queue.change_delivery(STUDY, "d1", "pacs", lambda one: setattr(one, "state", "dead"))
    later = again(queue)
    assert later.counts()["dead"] == 1
    assert later.due("pacs", 1e12) == []
    assert later.retry(STUDY)
    assert len(later.due("pacs", 1e12)) == 1


def test_results_for_a_destination_that_is_gone_become_dead_letters(queue):
    queue.receive("1.2", "1.2.3", b"content")
    segment(queue)
    later = again(queue, receivers=("other",))
    assert later.drop_unconfigured() == [STUDY]
    assert later.studies[STUDY].record.results["d1"].deliveries["pacs"].error.startswith("the destination")


@pytest.mark.parametrize(
    ("limits", "first", "second", "said"),
    [
        (Limits(studies=1, free_mb=0), ("1.2", "1"), ("1.3", "1"), "limits.studies"),
        (Limits(objects=1, free_mb=0), ("1.2", "1"), ("1.2", "2"), "limits.objects"),
        (Limits(spool_mb=1, free_mb=0), ("1.2", "1"), ("1.2", "2"), "limits.spool_mb"),
    ],
)
def test_limits_refuse_with_their_name(spool, limits, first, second, said):
    queue = Queue(spool, limits)
    queue.receive(*first, bytes(600_000))
    with pytest.raises(OutOfResourcesError, match=said):
        queue.receive(*second, bytes(600_001))
    assert queue.bytes == 600_000


def test_a_full_disk_leaves_nothing_of_an_object(queue, spool, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        queue.receive("1.2", "1.2.3", b"content")
    monkeypatch.undo()
    assert (queue.bytes, queue.studies) == (0, {})
    assert not list(spool.root.rglob("*.dcm"))


def test_a_study_waits_for_an_object_that_found_no_room(queue, monkeypatch):
    queue.receive("1.2", "1.2.3", b"content")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError, match="full"):
        queue.receive("1.2", "1.2.4", b"refused")
    monkeypatch.undo()
    assert queue.promote(0.0) == []
    queue.receive("1.2", "1.2.4", b"refused")
    assert len(begin(queue).images) == 2


def test_a_full_disk_at_the_beginning_of_a_turn_leaves_the_study_queued(queue, monkeypatch):
    queue.receive("1.2", "1.2.3", b"content")
    queue.promote(0.0)
    monkeypatch.setattr(queue.spool, "write_record", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        queue.next_turn()
    monkeypatch.undo()
    assert queue.next_turn().attempt == 1


def test_a_damaged_record_stops_its_study_alone(queue, spool):
    for uid in ("1.2", "1.3"):
        queue.receive(uid, "1", b"content")
        queue.hold(begin(queue), "reason")
    (spool.folder_of(STUDY) / "study.json").write_text('{"state": ')
    later = again(queue)
    assert later.damaged == [STUDY]
    assert list(later.studies) == [name_study("1.3")]
    with pytest.raises(OutOfResourcesError, match="damaged"):
        later.receive("1.2", "2", b"content")


def test_results_that_nobody_was_to_receive_are_not_deleted(spool):
    queue = Queue(spool, Limits(free_mb=0), ())
    queue.receive("1.2", "1.2.3", b"content")
    segment(queue)
    assert purge(queue, Keep(0.0), 1e12) == []


def test_old_files_are_deleted_and_the_record_is_not_forgotten(queue, spool):
    queue.receive("1.2", "1.2.3", b"content")
    segment(queue)
    assert purge(queue, Keep(0.0), 1e12) == []  # not yet accepted
    queue.change_delivery(STUDY, "d1", "pacs", lambda one: setattr(one, "state", "accepted"))
    assert purge(queue, Keep(7.0), queue.studies[STUDY].record.ended_at) == []
    assert purge(queue, Keep(0.0), 1e12) == [STUDY]
    assert [one.name for one in spool.folder_of(STUDY).iterdir()] == ["study.json"]
    for later in (queue, again(queue)):
        assert later.studies == {}
    queue.receive("1.2", "1.2.3", b"content")
    assert begin(queue).known == ("d1",)
