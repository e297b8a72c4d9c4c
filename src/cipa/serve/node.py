"""The DICOM node: verification, storage and storage commitment, as service class provider."""

import threading
import time
from typing import Any

from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)
from pynetdicom import AE, AllStoragePresentationContexts, _config, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedPETImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
    PositronEmissionTomographyImageStorage,
    StorageCommitmentPushModel,
    Verification,
)

from cipa.errors import UsageError
from cipa.io.dicom.codecs import CODECS
from cipa.serve.commitment import Commitments
from cipa.serve.intake import SUCCESS, Answer, Intake
from cipa.serve.log import say, warn
from cipa.serve.metrics import Meters
from cipa.serve.node_server import LONGEST_PDU, NodeServer
from cipa.serve.settings import ANYBODY, Limits, Node
from cipa.serve.tls import server_context

IMAGES = (
    CTImageStorage,
    PositronEmissionTomographyImageStorage,
    EnhancedCTImageStorage,
    EnhancedPETImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
)
"""SOP classes of `node.accept: images`."""

SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    RLELossless,
    *CODECS,
]
"""Transfer syntaxes that studies can be read in, the preferred first; others are rejected."""


class DicomNode:
    """Listens while it is open."""

    def __init__(
        self, settings: Node, limits: Limits, intake: Intake, commitments: Commitments, meters: Meters
    ) -> None:
        """Prepare the application entity; `open` starts it."""
        self.settings, self.limits, self.intake, self.meters = settings, limits, intake, meters
        self.commitments = commitments
        self.server: NodeServer | None = None
        self.thread: threading.Thread | None = None

    def open(self) -> int:
        """Listen.

        Returns:
            The port.

        Raises:
            DataError: a file of `node.tls` cannot be used.
            UsageError: the address or the port cannot be had.
        """
        address = (self.settings.address, self.settings.port or 0)
        _config.LOG_HANDLER_LEVEL = "none"  # they format every message
        entity = self._entity()
        try:
            server: Any = entity.make_server(
                address,
                ssl_context=server_context(self.settings.tls),
                evt_handlers=self._handlers(),
                server_class=NodeServer,
                limits=self.limits,
            )
        except OSError as error:
            where = f"node.address {address[0]}, node.port {address[1]}"
            raise UsageError(f"{where}: {error.strerror}; give others") from error
        self.server = server
        self.thread = threading.Thread(target=server.serve_forever, args=(0.2,), name="dicom-node")
        self.thread.start()
        return int(server.server_address[1])

    def close(self, patience_s: float) -> None:
        """Accept no more associations, give the open ones some time, then close them."""
        if self.server is None or self.thread is None:
            return
        self.server.shutdown()
        self.thread.join()
        until = time.monotonic() + patience_s
        while self._live_associations() and time.monotonic() < until:
            time.sleep(0.05)
        left = self._live_associations()
        for one in left:
            one.dul.socket.cut()
        for one in left:
            one.join(5.0)

    def _live_associations(self) -> list[Any]:
        """Return the associations with a live connection; others only wait for their own timeout."""
        assert self.server is not None
        return [one for one in self.server.active_associations if one.dul.is_alive()]

    def _entity(self) -> AE:
        entity = AE(ae_title=self.settings.ae_title)
        entity.require_called_aet = True
        entity.require_calling_aet = [one for one in self.settings.calling if one != ANYBODY]
        entity.maximum_associations = self.limits.associations
        entity.maximum_pdu_size = LONGEST_PDU
        entity.network_timeout = entity.acse_timeout = entity.dimse_timeout = self.limits.idle_s
        entity.add_supported_context(Verification)
        kinds: Any = (
            IMAGES
            if self.settings.accept == "images"
            else [one.abstract_syntax for one in AllStoragePresentationContexts]
        )
        for kind in kinds:
            entity.add_supported_context(kind, SYNTAXES)
        if self.settings.commitment:
            entity.add_supported_context(StorageCommitmentPushModel)
        return entity

    def _handlers(self) -> list[Any]:
        return [
            (evt.EVT_C_ECHO, self._echo),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_ACTION, self.commitments.request),
            (evt.EVT_DIMSE_SENT, self.commitments.on_answer),
            (evt.EVT_ACCEPTED, lambda event: self._note(event, "accepted")),
            (evt.EVT_REJECTED, lambda event: self._note(event, "rejected")),
            (evt.EVT_ABORTED, lambda event: self._note(event, "aborted")),
        ]

    def _echo(self, event: Any) -> int:
        event.assoc.dul.socket.release(0)
        return SUCCESS

    def _store(self, event: Any) -> Any:
        """Answer C-STORE; whatever goes wrong is an answer, so that the association goes on."""
        request = event.request
        size = len(request.DataSet.getbuffer()) if request.DataSet is not None else 0
        try:
            answer = self.intake.take(
                event.encoded_dataset(),
                str(request.AffectedSOPClassUID),
                str(request.AffectedSOPInstanceUID),
                sender_of(event.assoc),
            )
        except Exception as error:
            warn("object refused", reason=f"a defect of cipa ({type(error).__name__})")
            answer = Answer(0xC001, "the object could not be processed")
        finally:
            event.assoc.dul.socket.release(size)
        return status_of(answer)

    def _note(self, event: Any, outcome: str) -> None:
        """Count and log an association."""
        self.meters.associations.labels(outcome).inc()
        address = event.assoc.requestor.address
        say("association " + outcome, calling=sender_of(event.assoc), address=str(address))


def sender_of(assoc: Any) -> str:
    """Return the AE title that a peer calls itself by."""
    return str(assoc.requestor.ae_title or "").strip()


def status_of(answer: Answer) -> Any:
    """Return the Status (0000,0900) of a response with its Error Comment (0000,0902)."""
    from pydicom.dataset import Dataset

    found = Dataset()
    found.Status = answer.status
    if answer.comment:
        found.ErrorComment = answer.comment[:64]
    return found
