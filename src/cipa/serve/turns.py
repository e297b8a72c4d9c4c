"""Studies one after another: their turns in the worker, and what becomes of each."""

import threading
import time
from typing import Any

from cipa.errors import CipaError
from cipa.serve.log import say, warn
from cipa.serve.metrics import Meters
from cipa.serve.queue import Queue, Turn
from cipa.serve.records import Result
from cipa.serve.settings import StudyRules
from cipa.serve.spool import alias_of
from cipa.serve.turn_result import TurnResult
from cipa.serve.worker import Worker, WorkerDiedError

PAUSE_S = 0.1
"""Between two looks for a study."""

FULL_S = 10.0
"""Pause after the disk was full."""


class Turns(threading.Thread):
    """Segments the studies whose turn it is."""

    def __init__(self, queue: Queue, worker: Worker, settings: StudyRules, meters: Meters) -> None:
        """Prepare; `start` begins, `stop` ends after the study at hand."""
        super().__init__(name="turns")
        self.queue, self.worker, self.settings, self.meters = queue, worker, settings, meters
        self.stopping = threading.Event()

    def run(self) -> None:
        """Take turns until `stop` is called."""
        while not self.stopping.is_set():
            try:
                turn = self.queue.next_turn()
                if turn is None:
                    self.stopping.wait(PAUSE_S)
                else:
                    self.take(turn)
            except OSError as error:
                warn("spool not written", reason=str(error.strerror))
                self.stopping.wait(FULL_S)
            except Exception as error:  # the node must go on
                warn("turn failed", reason=f"a defect of cipa ({type(error).__name__})")
                self.stopping.wait(FULL_S)

    def stop(self) -> None:
        """Begin no further study."""
        self.stopping.set()

    def take(self, turn: Turn) -> None:
        """Segment one study and note the outcome.

        Raises:
            OSError: the outcome could not be written.
        """
        alias = alias_of(turn.study)
        if turn.attempt > self.settings.attempts:
            self._hold(turn, f"begun {self.settings.attempts} times without an end")
            return
        say("study begun", study=alias, objects=len(turn.images), attempt=turn.attempt)
        try:
            ended = self.worker.segment(turn, self.settings.changed, self.settings.timeout_s)
        except WorkerDiedError as error:
            self.meters.restarts.inc()
            warn("worker ended", study=alias, reason=str(error))
            self.queue.requeue(turn, counts=True)
            return
        except CipaError as error:  # the network could not be loaded again
            warn("worker not started", reason=str(error))
            self.queue.requeue(turn, counts=False)
            self.stopping.wait(FULL_S)
            return
        self._note(turn, ended)

    def _note(self, turn: Turn, ended: TurnResult) -> None:
        alias = alias_of(turn.study)
        self.meters.studies.labels(ended.state).inc()
        if ended.state == "held":
            self._hold(turn, ended.reason)
        elif ended.state in ("full", "stale"):
            self.queue.requeue(turn, counts=False)
            if ended.state == "full":
                warn("no space left for a result", study=alias)
                self.stopping.wait(FULL_S)
        elif ended.state == "known":
            self.queue.finish(turn, ended.digest, None)
            say("study known", study=alias, reason="its CT and PET were segmented before")
        else:
            result = Result(time.time(), ended.objects, ended.warnings)
            self.queue.finish(turn, ended.digest, result)
            self.meters.seconds.observe(ended.seconds)
            fields: dict[str, Any] = {"seconds": round(ended.seconds, 2), "lesions": ended.lesions}
            say("study segmented", study=alias, **fields, objects=len(ended.objects), warnings=ended.warnings)

    def _hold(self, turn: Turn, reason: str) -> None:
        self.queue.hold(turn, reason)
        warn("study held", study=alias_of(turn.study), reason=reason)
