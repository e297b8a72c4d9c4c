"""The queue: which studies there are, whose turn it is, and what is still to be delivered.

All of it can be rebuilt from the spool at any moment, which is what a start after a crash does. Memory holds
the names of the files of studies that are not done, and a small record of each.
"""

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cipa.errors import CipaError, DataError
from cipa.serve.records import WAITING, Delivery, Result, Study
from cipa.serve.settings import Limits
from cipa.serve.spool import Spool, digest_names, name_image, name_study, object_prefix

REFUSED_S = 3600.0
"""Seconds that a study waits for objects for which there was no room: their senders send them again."""


class OutOfResourcesError(CipaError):
    """A limit is reached, or the disk is full: what was sent is to be sent again later."""


@dataclass
class Entry:
    """A study in memory.

    Attributes:
        record: what is remembered of it on disk.
        images: bytes of each received file, by its name.
        writing: files that are being written at the moment.
        quiet_since: `time.monotonic` of the last object; the clock on the wall may be set back.
        refused: objects for which there was no room, which their sender still has.
    """

    record: Study
    images: dict[str, int] = field(default_factory=dict)
    writing: int = 0
    quiet_since: float = field(default_factory=time.monotonic)
    refused: set[str] = field(default_factory=set)

    @property
    def is_forgotten(self) -> bool:
        """Whether nothing but its record is left, which is read again should it be sent again."""
        record = self.record
        is_over = record.state == "done" and not self.images and not self.writing
        return is_over and all(one.deleted for one in record.results.values())


@dataclass(frozen=True)
class Turn:
    """A study whose turn it is.

    Attributes:
        study: name of its folder.
        images: names of its files.
        known: digests of what has been segmented of it already.
        attempt: how often it has been begun, this time included.
    """

    study: str
    images: tuple[str, ...]
    known: tuple[str, ...]
    attempt: int


class Queue:
    """The studies of a spool; every method may be called from any thread."""

    def __init__(
        self, spool: Spool, limits: Limits, receivers: tuple[str, ...] = (), is_owner: bool = True
    ) -> None:
        """Find all studies again.

        Args:
            spool: the folders.
            limits: beyond which nothing is taken.
            receivers: names of the destinations of new results.
            is_owner: False for who only looks, while a node may be at work, and deletes nothing.
        """
        self.is_owner = is_owner
        self.spool, self.limits, self.receivers = spool, limits, receivers
        self.lock = threading.RLock()
        self.studies: dict[str, Entry] = {}
        self.damaged: list[str] = []
        for study in spool.list_studies():
            try:
                entry = self._find_again(study)
            except DataError:
                self.damaged.append(study)
                continue
            if not entry.is_forgotten:
                self.studies[study] = entry
        self.bytes = sum(sum(entry.images.values()) for entry in self.studies.values())

    def receive(self, study_uid: str, object_uid: str, content: bytes) -> bool:
        """Take an object; it is on disk when this returns.

        Args:
            study_uid: Study Instance UID.
            object_uid: SOP Instance UID.
            content: the whole file.

        Returns:
            Whether it is new: False for one that is there with these bytes.

        Raises:
            OutOfResourcesError: a limit is reached.
            OSError: the disk is full or the like.
        """
        study, name = name_study(study_uid), name_image(object_uid, content)
        with self.lock:
            entry = self._entry_for(study)
            if name in entry.images:
                return False
            entry.writing += 1
            self.bytes += len(content)
        try:
            self._require_room(entry, len(content))
            self.spool.write_image(study, name, content)
        except BaseException:
            with self.lock:
                entry.writing -= 1
                self.bytes -= len(content)
                entry.refused.add(object_prefix(object_uid))
                entry.quiet_since = time.monotonic()
                self._forget_if_empty(study)
            raise
        with self.lock:
            entry.writing -= 1
            entry.refused.discard(object_prefix(object_uid))
            self._replace(study, entry, object_uid, name, len(content))
        return True

    def holds(self, object_uid: str) -> Path | None:
        """Return the file of an object; None where there is none."""
        prefix = object_prefix(object_uid)
        with self.lock:
            for study, entry in self.studies.items():
                for name in entry.images:
                    if name.startswith(prefix):
                        return self.spool.images_of(study) / name
        return None

    def promote(self, quiet_s: float) -> list[str]:
        """Queue the studies that have been quiet for so many seconds, and return them."""
        now, found = time.monotonic(), []
        with self.lock:
            for study, entry in self.studies.items():
                pause = max(quiet_s, REFUSED_S) if entry.refused else quiet_s
                is_quiet = not entry.writing and now - entry.quiet_since >= pause
                if entry.record.state == "receiving" and is_quiet:
                    entry.record.state = "queued"
                    found.append(study)
        return found

    def next_turn(self) -> Turn | None:
        """Begin the study that has waited longest; its beginning is on disk when this returns."""
        with self.lock:
            queued = [(e.record.changed_at, s) for s, e in self.studies.items() if e.record.state == "queued"]
            if not queued:
                return None
            study = min(queued)[1]
            entry = self.studies[study]
            entry.record.state = "segmenting"
            entry.record.attempts += 1
            try:
                self.spool.write_record(study, entry.record)
            except OSError:
                entry.record.state = "queued"
                entry.record.attempts -= 1
                raise
            return Turn(study, tuple(entry.images), tuple(entry.record.results), entry.record.attempts)

    def requeue(self, turn: Turn, counts: bool) -> None:
        """Queue a study again whose turn came to nothing, which `counts` as an attempt or not."""
        with self.lock:
            record = self.studies[turn.study].record
            record.state = "queued"
            record.attempts -= 0 if counts else 1
            self.spool.write_record(turn.study, record)

    def hold(self, turn: Turn, reason: str) -> None:
        """Keep a study for a look."""
        with self.lock:
            record = self.studies[turn.study].record
            record.reason = reason
            self._end(turn, "held")

    def finish(self, turn: Turn, digest: str, result: Result | None) -> None:
        """End a study's turn.

        Args:
            turn: as `next_turn` gave it.
            digest: of its input.
            result: what was made of it; None where the same input was segmented before.
        """
        with self.lock:
            record = self.studies[turn.study].record
            record.reason = ""
            if result is not None and digest not in record.results:
                result.deliveries = {name: Delivery() for name in self.receivers}
                record.results[digest] = result
            self._end(turn, "done")

    def due(self, receiver: str, now: float) -> list[tuple[str, str, Result]]:
        """Return what is to be tried at a destination now: study, digest and result, the oldest first."""
        with self.lock:
            found = [
                (study, digest, result)
                for study, entry in self.studies.items()
                for digest, result in entry.record.results.items()
                if (one := result.deliveries.get(receiver)) and one.state == "waiting" and one.next_at <= now
            ]
        return sorted(found, key=lambda one: one[2].made_at)

    def change_delivery(
        self, study: str, digest: str, receiver: str, change: Callable[[Delivery], None]
    ) -> None:
        """Change a delivery; the change is on disk when this returns."""
        with self.lock:
            record = self.studies[study].record
            change(record.results[digest].deliveries[receiver])
            self.spool.write_record(study, record)

    def retry(self, study: str) -> bool:
        """Try again what was given up of a study: segmentation if it is held, else its dead letters."""
        with self.lock:
            entry = self.studies.get(study)
            if entry is None:
                return False
            record = entry.record
            if record.state == "held":
                record.state, record.reason, record.attempts, record.evaluated = "receiving", "", 0, ""
            for result in record.results.values():
                for name, one in result.deliveries.items():
                    if one.state == "dead" and name in self.receivers:
                        one.state, one.attempts, one.next_at = "waiting", 0, 0.0
            self.spool.write_record(study, record)
            return True

    def drop_unconfigured(self) -> list[str]:
        """Give up results for destinations that are no longer configured; return their studies."""
        found = []
        with self.lock:
            for study, entry in self.studies.items():
                strays = [
                    one
                    for result in entry.record.results.values()
                    for name, one in result.deliveries.items()
                    if one.state == "waiting" and name not in self.receivers
                ]
                for one in strays:
                    one.state, one.error = "dead", "the destination is no longer configured"
                if strays:
                    self.spool.write_record(study, entry.record)
                    found.append(study)
        return found

    def counts(self) -> Mapping[str, int]:
        """Return how many studies are in each state, and deliveries in each."""
        with self.lock:
            found = dict.fromkeys((*WAITING, "done", "held", "waiting", "accepted", "dead"), 0)
            for entry in self.studies.values():
                found[entry.record.state] += 1
                for result in entry.record.results.values():
                    for one in result.deliveries.values():
                        found[one.state] += 1
        return found

    def _find_again(self, study: str) -> Entry:
        """Return a study as its files have it: one with files that were never looked at is received anew."""
        record, images = self.spool.read_record(study), self.spool.list_images(study)
        if self.is_owner:
            self._drop_replaced(study, images)
        is_ended = record.state in ("done", "held") and (
            not images or digest_names(images) == record.evaluated
        )
        if not is_ended and (self.is_owner or record.state != "segmenting"):
            record.state = "receiving"
        return Entry(record, images)

    def _drop_replaced(self, study: str, images: dict[str, int]) -> None:
        """Of an object with two files keep the one written last: a crash came before deletion."""
        newest: dict[str, str] = {}
        folder = self.spool.images_of(study)
        for name in sorted(images, key=lambda one: (folder / one).stat().st_mtime_ns):
            older = newest.get(name.partition("-")[0])
            newest[name.partition("-")[0]] = name
            if older is not None:
                self.spool.delete_images(study, [older])
                del images[older]

    def _require_room(self, entry: Entry, size: int) -> None:
        """Refuse an object, already counted, for which there is no room.

        Raises:
            OutOfResourcesError: a limit is reached.
        """
        limits = self.limits
        if len(entry.images) + entry.writing > limits.objects:
            raise OutOfResourcesError(f"limits.objects: {limits.objects} in one study")
        if self.bytes > limits.spool_mb * 2**20:
            raise OutOfResourcesError(f"limits.spool_mb: {limits.spool_mb} reached")
        if shutil.disk_usage(self.spool.root).free < limits.free_mb * 2**20 + size:
            raise OutOfResourcesError(f"limits.free_mb: less than {limits.free_mb} free")

    def _entry_for(self, study: str) -> Entry:
        entry = self.studies.get(study)
        if entry is not None:
            return entry
        if study in self.damaged:
            raise OutOfResourcesError("the record of this study is damaged")
        waiting = sum(one.record.state in WAITING for one in self.studies.values())
        if waiting >= self.limits.studies:
            raise OutOfResourcesError(f"limits.studies: {self.limits.studies} wait")
        is_known = self.spool.folder_of(study).exists()  # it was deleted in time
        entry = self._find_again(study) if is_known else Entry(Study(changed_at=time.time()))
        self.studies[study] = entry
        return entry

    def _forget_if_empty(self, study: str) -> None:
        entry = self.studies[study]
        if not entry.images and not entry.writing and entry.record.state in WAITING:
            del self.studies[study]

    def _replace(self, study: str, entry: Entry, object_uid: str, name: str, size: int) -> None:
        """Note a file that is on disk, drop the one that it replaces, and wait for quiet again."""
        prefix = object_prefix(object_uid)
        for older in [one for one in entry.images if one.startswith(prefix) and one != name]:
            self.bytes -= entry.images.pop(older)
            self.spool.delete_images(study, [older])
        self.bytes -= entry.images.get(name, 0)  # another association has sent it at the same time
        entry.images[name] = size
        entry.quiet_since = time.monotonic()
        entry.record.changed_at = time.time()
        if entry.record.state != "segmenting":
            entry.record.state = "receiving"

    def _end(self, turn: Turn, state: str) -> None:
        entry = self.studies[turn.study]
        record = entry.record
        record.attempts, record.ended_at = 0, time.time()
        record.evaluated = digest_names(turn.images)
        is_changed = set(entry.images) != set(turn.images) or entry.writing
        record.state = "receiving" if is_changed else state  # type: ignore[assignment]
        self.spool.write_record(turn.study, record)
