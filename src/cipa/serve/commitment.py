"""Storage commitment, push model, as provider (DICOM PS3.4, annex J).

A request names objects and a transaction. It is written to disk before it is answered; then an event report
says which objects are there and which are not. The report goes to the peer's own port where `peers` names it,
on an association that this node opens, else over the association of the request while that is open. What is
not taken is tried again with the same patience as results.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from cipa.errors import DataError
from cipa.files import atomic_file
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.tags import text
from cipa.partials import PARTIAL
from cipa.readers import read_json_object
from cipa.serve.log import say, warn
from cipa.serve.metrics import Meters
from cipa.serve.queue import Queue
from cipa.serve.settings import Peer, Retry

REQUEST, ALL_STORED, SOME_MISSING = 1, 1, 2
"""Action Type ID of a request; Event Type IDs of its outcome (PS3.4, J.3.2 and J.3.3)."""

NO_SUCH_OBJECT, OTHER_CLASS = 0x0112, 0x0119
"""Failure Reasons (0008,1197): PS3.3 C.14.1.1."""

PROCESSING_FAILURE, NO_SUCH_ACTION, MISSING_ATTRIBUTE, OUT_OF_RESOURCES = 0x0110, 0x0123, 0x0120, 0x0213
"""Status codes of N-ACTION (PS3.7, annex C)."""

MOST_OBJECTS = 100_000
"""Of one request."""


class Commitments:
    """Takes requests and reports their outcomes."""

    def __init__(
        self,
        queue: Queue,
        peers: tuple[Peer, ...],
        ae_title: str,
        retry: Retry,
        meters: Meters,
        tls: Callable[[], Any],
    ) -> None:
        """Answer for the objects of `queue`; `tls` makes the context of encrypted connections."""
        self.queue, self.ae_title, self.retry, self.meters, self.tls = queue, ae_title, retry, meters, tls
        self.peers = {one.ae_title.strip(): one for one in peers}
        self.folder = queue.spool.commitments
        self.requested: WeakKeyDictionary[Any, Path] = WeakKeyDictionary()  # by association

    def request(self, event: Any) -> tuple[int, None]:
        """Take an N-ACTION: on disk when this returns success."""
        event.assoc.dul.socket.release(0)
        try:
            return self._request(event), None
        except OSError:
            return OUT_OF_RESOURCES, None
        except Exception as error:
            warn("storage commitment refused", reason=type(error).__name__)
            return PROCESSING_FAILURE, None

    def on_answer(self, event: Any) -> None:
        """Report the outcome once the answer to a request is on its way, as the peer waits for that first."""
        if type(event.message).__name__ != "N_ACTION_RSP":
            return
        path = self.requested.pop(event.assoc, None)
        if path is not None:
            threading.Thread(target=self._report, args=(path, event.assoc), daemon=True).start()

    def report_due(self) -> None:
        """Try again to report the outcomes that are due."""
        for path in sorted(self.folder.glob("*.json")):
            if path.name.startswith(PARTIAL):
                continue
            try:
                found = read_json_object(path, "delete it")
                if found["next_at"] <= time.time():
                    self._report(path, None)
            except (DataError, KeyError, OSError):
                path.unlink(missing_ok=True)

    @quiet()
    def _request(self, event: Any) -> int:
        if event.action_type != REQUEST:
            return NO_SUCH_ACTION
        asked = event.action_information
        transaction, items = text(asked, "TransactionUID"), asked.get("ReferencedSOPSequence") or []
        pairs = [(text(one, "ReferencedSOPClassUID"), text(one, "ReferencedSOPInstanceUID")) for one in items]
        if not transaction or not pairs or len(pairs) > MOST_OBJECTS or not all(all(one) for one in pairs):
            return MISSING_ATTRIBUTE
        peer = str(event.assoc.requestor.ae_title).strip()
        found = {
            "peer": peer,
            "transaction": transaction,
            "objects": pairs,
            "attempts": 0,
            "began": time.time(),
        }
        digest = hashlib.sha256(f"{peer}/{transaction}".encode()).hexdigest()[:32]
        path = self.folder / f"{digest}.json"
        self._write(path, found | {"next_at": time.time() + self.retry.first_s})
        self.requested[event.assoc] = path
        self.meters.commitments.inc()
        say("storage commitment requested", peer=peer, objects=len(pairs))
        return 0x0000

    def _report(self, path: Path, assoc: Any) -> None:
        """Report one outcome; delete what is remembered of it once the peer has taken it."""
        try:
            found = read_json_object(path, "delete it")
        except DataError:
            return
        peer = self.peers.get(found["peer"])
        outcome, event_type = self._outcome(found)
        try:
            is_taken = (
                self._send_anew(peer, outcome, event_type)
                if peer is not None
                else assoc is not None and _send(assoc, outcome, event_type)
            )
        except Exception as error:  # of the network, in any way there is
            warn("storage commitment not reported", peer=found["peer"], reason=type(error).__name__)
            is_taken = False
        if is_taken:
            path.unlink(missing_ok=True)
            say("storage commitment reported", peer=found["peer"], event_type=event_type)
        elif peer is None:
            path.unlink(missing_ok=True)
            warn(
                "storage commitment given up",
                peer=found["peer"],
                reason="not among peers, association closed",
            )
        else:
            self._try_later(path, found)

    def _try_later(self, path: Path, found: dict[str, Any]) -> None:
        found["attempts"] += 1
        if time.time() - found["began"] > self.retry.give_up_hours * 3600:
            path.unlink(missing_ok=True)
            warn("storage commitment given up", peer=found["peer"], reason="retry.give_up_hours have passed")
            return
        pause = min(self.retry.longest_s, self.retry.first_s * 2 ** min(found["attempts"], 30))
        self._write(path, found | {"next_at": time.time() + pause})

    def _outcome(self, found: dict[str, Any]) -> tuple[Dataset, int]:
        """Look for every object, and return the information of the event report with its type."""
        stored: list[Dataset] = []
        failed: list[Dataset] = []
        for sop_class, sop_instance in found["objects"]:
            reason = self._failure(sop_class, sop_instance)
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
            if reason:
                item.FailureReason = reason
            (failed if reason else stored).append(item)
        outcome = Dataset()
        outcome.TransactionUID = found["transaction"]
        if stored:
            outcome.ReferencedSOPSequence = stored
        if failed:
            outcome.FailedSOPSequence = failed
        return outcome, SOME_MISSING if failed else ALL_STORED

    def _failure(self, sop_class: str, sop_instance: str) -> int:
        path = self.queue.holds(sop_instance)
        if path is None:
            return NO_SUCH_OBJECT
        try:
            header = dcmread(path, specific_tags=["SOPClassUID"], stop_before_pixels=True)
        except Exception:  # it was deleted, or the disk is damaged
            return NO_SUCH_OBJECT
        return 0 if text(header, "SOPClassUID") == sop_class else OTHER_CLASS

    def _send_anew(self, peer: Peer, outcome: Dataset, event_type: int) -> bool:
        """Open an association in which this node, though it calls, is the provider."""
        entity = AE(ae_title=self.ae_title)
        entity.add_requested_context(StorageCommitmentPushModel)
        role = build_role(StorageCommitmentPushModel, scp_role=True)
        tls = (self.tls(), peer.host) if peer.tls else None
        assoc = entity.associate(peer.host, peer.port, ae_title=peer.ae_title, ext_neg=[role], tls_args=tls)
        if not assoc.is_established:
            return False
        try:
            return _send(assoc, outcome, event_type)
        finally:
            assoc.release()

    def _write(self, path: Path, found: dict[str, Any]) -> None:
        with atomic_file(path) as partial:
            partial.write_text(json.dumps(found), encoding="utf-8")


def _send(assoc: Any, outcome: Dataset, event_type: int) -> bool:
    if not assoc.is_established:
        return False
    status, _ = assoc.send_n_event_report(
        outcome, event_type, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    return status is not None and status.get("Status") == 0x0000
