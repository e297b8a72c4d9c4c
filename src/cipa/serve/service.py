"""The node as a whole: what is received is queued, segmented once, and sent on, until it is told to stop."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cipa.errors import UsageError
from cipa.serve.commitment import Commitments
from cipa.serve.fetcher import Fetcher
from cipa.serve.intake import Intake
from cipa.serve.lock import lock_file
from cipa.serve.log import close_log, open_log, say, warn
from cipa.serve.mailbox import read_requests
from cipa.serve.metrics import Meters
from cipa.serve.node import DicomNode
from cipa.serve.outlet import Outlet, StoreOutlet, StowOutlet
from cipa.serve.purge import purge
from cipa.serve.queue import Queue
from cipa.serve.sender import Sender
from cipa.serve.settings import Settings
from cipa.serve.spool import Spool, alias_of
from cipa.serve.tls import client_context
from cipa.serve.turns import Turns
from cipa.serve.worker import Worker
from cipa.signals import stop_signals

TICK_S = 0.1
"""Between two looks at the queue."""

REPORT_S = 2.0
"""Between two looks for outcomes of storage commitment that are to be reported again."""

PURGE_S = 60.0
"""Between two deletions of what is old."""

CLOSE_S = 30.0
"""Seconds that open associations get at the end."""


def serve(settings: Settings) -> None:
    """Run a node until SIGTERM, SIGHUP or SIGINT; the step at hand is finished.

    Raises:
        DataError, UsageError: a setting cannot be used, or another node has the spool.
        OSError: the spool cannot be written to.
    """
    settings.require_usable()
    with ExitStack() as stack:
        stack.callback(close_log, open_log(settings.log))
        stop = stack.enter_context(stop_signals())
        spool = Spool(Path(settings.spool))
        stack.enter_context(hold_lock(spool.root))
        queue = Queue(spool, settings.limits, settings.receivers)
        for study in queue.damaged:
            warn("record damaged", study=alias_of(study), reason="move its folder out of the spool")
        for study in queue.drop_unconfigured():
            warn("result given up", study=alias_of(study), reason="the destination is no longer configured")
        if not settings.receivers:
            warn("no destination", reason="results stay in the spool, and are not deleted in time")
        running = Running(settings, queue, Meters(queue))
        try:
            running.start()
            while not stop.signal:
                running.tick()
                time.sleep(TICK_S)
            say("stopping", signal=stop.signal)
        finally:
            running.stop()
        say("stopped")


class Running:
    """The threads of a node."""

    def __init__(self, settings: Settings, queue: Queue, meters: Meters) -> None:
        """Make them; `start` starts them."""
        self.settings, self.queue, self.meters = settings, queue, meters
        node, tls = settings.node, lambda: client_context(settings.node.tls)
        intake = Intake(queue, meters)
        self.commitments = Commitments(queue, settings.peers, node.ae_title, settings.retry, meters, tls)
        self.node = DicomNode(node, settings.limits, intake, self.commitments, meters)
        outlets: list[Outlet] = [
            *(StoreOutlet(one, node.ae_title, settings.limits, tls) for one in settings.destinations),
            *(StowOutlet(one) for one in settings.web if one.store),
        ]
        self.senders = [Sender(queue, one, settings.retry, meters) for one in outlets]
        self.fetchers = {one.name: Fetcher(one, intake) for one in settings.web}
        self.turns = Turns(queue, Worker(queue.spool.root, settings.segmentation), settings.study, meters)
        self.metrics: Any = None
        self.next_purge = self.next_report = time.monotonic()
        self.began: list[threading.Thread] = []

    def start(self) -> None:
        """Listen, fetch and send; then load the network, which may take its time, and begin to segment.

        Raises:
            DataError, UsageError: the network, TLS, an address or a port cannot be used.
        """
        try:
            self.metrics = self.meters.serve(self.settings.metrics)
        except OSError as error:
            where = f"metrics.port {self.settings.metrics.port}"
            raise UsageError(f"{where}: {error.strerror}; give another") from error
        node = self.settings.node
        port = self.node.open() if node.port is not None else None
        self._begin(*self.senders, *self.fetchers.values())
        counts = dict(self.queue.counts())
        say("listening", address=node.address, port=port, ae_title=node.ae_title, pid=os.getpid(), **counts)
        ready = self.turns.worker.start()
        self._begin(self.turns)
        say("ready", device=ready.device, weights=list(ready.names))

    def _begin(self, *threads: threading.Thread) -> None:
        for thread in threads:
            thread.start()
            self.began.append(thread)

    def tick(self) -> None:
        """Queue what has been quiet, do what was asked for, delete what is old."""
        for study in self.queue.promote(self.settings.study.quiet_s):
            say("study complete", study=alias_of(study), objects=len(self.queue.studies[study].images))
        try:
            self._do_requests()
            if time.monotonic() >= self.next_report:
                self.next_report = time.monotonic() + REPORT_S
                self.commitments.report_due()
            if time.monotonic() >= self.next_purge:
                self.next_purge = time.monotonic() + PURGE_S
                purge(self.queue, self.settings.keep, time.time())
        except OSError as error:
            warn("spool not written", reason=str(error.strerror))

    def stop(self) -> None:
        """Finish what is at hand: associations, the study being segmented, the result being sent."""
        for thread in self.began:
            thread.stop()  # type: ignore[attr-defined]
        self.node.close(CLOSE_S)
        for thread in self.began:
            thread.join()
        self.turns.worker.end()
        if self.metrics is not None:
            server, thread = self.metrics
            server.shutdown()
            server.server_close()
            thread.join()

    def _do_requests(self) -> None:
        for path, one in read_requests(self.queue.spool):
            verb = one.get("verb")
            if verb == "fetch" and one.get("server") in self.fetchers:
                self.fetchers[one["server"]].request(path, one.get("study_uid", ""))
                continue  # the fetcher deletes it
            if verb == "retry":
                found = self.queue.retry(one.get("study", ""))
                say("retry", study=alias_of(one.get("study", "")), found=found)
            else:
                warn("request not understood", verb=str(verb))
            path.unlink(missing_ok=True)


@contextmanager
def hold_lock(root: Path, tries: int = 20) -> Iterator[None]:
    """Keep other nodes away from a spool while the block runs; the system lets go of it however it ends.

    Args:
        root: folder of the spool.
        tries: a tenth of a second apart, as `is_running` has the lock for a moment too.

    Raises:
        UsageError: another node has it.
    """
    with (root / "lock").open("a+") as lock:
        for left in reversed(range(tries)):
            if lock_file(lock):
                break
            if not left:
                raise UsageError(f"spool {root}: another cipa serve uses it; end it, or name another spool")
            time.sleep(0.1)
        yield


def is_running(root: Path) -> bool:
    """Tell whether a node has a spool."""
    try:
        with hold_lock(root, tries=1):
            return False
    except UsageError:
        return True
