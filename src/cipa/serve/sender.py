"""Results on their way: each is sent until it is accepted, with pauses that double, or given up."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cipa.serve.log import say, warn
from cipa.serve.metrics import Meters
from cipa.serve.outlet import Outlet, SendResult
from cipa.serve.queue import Queue
from cipa.serve.records import Delivery, Result
from cipa.serve.settings import Retry
from cipa.serve.spool import alias_of

PAUSE_S = 0.2
"""Between two looks for what is due."""


class Sender(threading.Thread):
    """Delivers to one destination, so that one that is away holds up no other."""

    def __init__(self, queue: Queue, outlet: Outlet, retry: Retry, meters: Meters) -> None:
        """Prepare; `start` begins, `stop` ends after the result at hand."""
        super().__init__(name=f"sender-{outlet.name}")
        self.queue, self.outlet, self.retry, self.meters = queue, outlet, retry, meters
        self.stopping = threading.Event()

    def run(self) -> None:
        """Deliver what is due until `stop` is called."""
        while not self.stopping.is_set():
            for study, digest, result in self.queue.due(self.outlet.name, time.time()):
                if self.stopping.is_set():
                    return
                try:
                    self.deliver(study, digest, result)
                except OSError as error:  # the disk is full: what was accepted is sent again, under its UIDs
                    warn("delivery not noted", study=alias_of(study), reason=str(error.strerror))
                    self.stopping.wait(self.retry.first_s)
            self.stopping.wait(PAUSE_S)

    def stop(self) -> None:
        """Begin no further delivery."""
        self.stopping.set()

    def deliver(self, study: str, digest: str, result: Result) -> None:
        """Try to hand over what the destination has not taken yet of a result.

        Raises:
            OSError: the outcome could not be written.
        """
        name = self.outlet.name
        folder = self.queue.spool.result_of(study, digest)
        accepted = result.deliveries[name].accepted
        paths = {folder / one: one for one in result.objects if one not in accepted}
        gone = SendResult(error="its files are gone")
        sent = self.outlet.send(list(paths)) if _are_there(paths) else gone
        now = time.time()

        def note(one: Delivery) -> None:
            """Note the attempt."""
            one.attempts += 1
            one.accepted += [paths[path] for path in sent.accepted]
            one.error = sent.error
            if len(one.accepted) == len(result.objects):
                one.state = "accepted"
            elif now - result.made_at > self.retry.give_up_hours * 3600:
                one.state = "dead"
            else:
                pause = min(self.retry.longest_s, self.retry.first_s * 2 ** min(one.attempts - 1, 30))
                one.next_at = now + pause

        self.queue.change_delivery(study, digest, name, note)
        self._report(study, result.deliveries[name])

    def _report(self, study: str, one: Delivery) -> None:
        outcome = {"accepted": "accepted", "dead": "dead", "waiting": "failed"}[one.state]
        self.meters.deliveries.labels(self.outlet.name, outcome).inc()
        fields: dict[str, Any] = {"study": alias_of(study), "destination": self.outlet.name}
        fields["attempts"] = one.attempts
        if one.state == "accepted":
            say("result accepted", **fields)
        else:
            warn(
                "result " + {"dead": "given up", "waiting": "not accepted"}[one.state],
                **fields,
                reason=one.error,
            )


def _are_there(paths: "Sequence[Path] | dict[Path, str]") -> bool:
    return all(path.is_file() for path in paths)
