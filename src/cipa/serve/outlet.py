"""What results are handed to: a DICOM node by C-STORE, or a DICOMweb server by STOW-RS."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE

from cipa.io.dicom.silence import quiet
from cipa.io.dicom.tags import text
from cipa.serve.settings import Destination, Limits, Web
from cipa.serve.web_client import make_client

WARNINGS = (0xB000, 0xB006, 0xB007)
"""C-STORE status codes of objects that were stored all the same (PS3.4, table B.2-1)."""


@dataclass
class SendResult:
    """What became of a handful of files.

    Attributes:
        accepted: those that the destination has taken.
        error: why the others were not, in a line; empty if all were.
    """

    accepted: list[Path] = field(default_factory=list)
    error: str = ""


class Outlet(Protocol):
    """A destination."""

    @property
    def name(self) -> str:
        """What logs call it."""

    def send(self, paths: Sequence[Path]) -> SendResult:
        """Hand over files; never raises for what the destination or the network does."""


class StoreOutlet:
    """C-STORE to a DICOM node."""

    def __init__(self, settings: Destination, ae_title: str, limits: Limits, tls: Callable[[], Any]) -> None:
        """Send as `ae_title`; `tls` makes the context of an encrypted connection."""
        self.settings, self.ae_title, self.limits, self.tls = settings, ae_title, limits, tls

    @property
    def name(self) -> str:
        """Name in the settings."""
        return self.settings.name

    def send(self, paths: Sequence[Path]) -> SendResult:
        """Send files over one association."""
        result = SendResult()
        try:
            with quiet():
                self._send([(path, dcmread(path)) for path in paths], result)
        except Exception as error:  # of the network, in any way there is
            result.error = result.error or f"{type(error).__name__} while sending"
        return result

    def _send(self, objects: Sequence[tuple[Path, Dataset]], result: SendResult) -> None:
        to = self.settings
        entity = AE(ae_title=self.ae_title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = self.limits.idle_s
        entity.connection_timeout = min(30.0, self.limits.idle_s)
        for sop_class, syntaxes in _contexts([found for _, found in objects]).items():
            entity.add_requested_context(sop_class, syntaxes)
        tls = (self.tls(), to.host) if to.tls else None
        assoc = entity.associate(to.host, to.port, ae_title=to.ae_title, tls_args=tls)
        if not assoc.is_established:
            result.error = _why_not(assoc)
            return
        try:
            for path, found in objects:
                error = _store(assoc, found)
                if error:
                    result.error = result.error or error
                else:
                    result.accepted.append(path)
        finally:
            assoc.release()


class StowOutlet:
    """STOW-RS to a DICOMweb server (PS3.18, 10.5)."""

    def __init__(self, settings: Web) -> None:
        """Take the address of the server."""
        self.settings = settings

    @property
    def name(self) -> str:
        """Name in the settings."""
        return self.settings.name

    def send(self, paths: Sequence[Path]) -> SendResult:
        """Store files, one a request, so that one which is refused does not hold up the others."""
        result = SendResult()
        for path in paths:
            try:
                with quiet():
                    answer = make_client(self.settings).store_instances([dcmread(path)])
                    failed = answer.get("FailedSOPSequence") or []
                if failed:
                    reason = int(failed[0].get("FailureReason") or 0)
                    result.error = f"{path.name}: refused with failure reason {reason:04X}"
                else:
                    result.accepted.append(path)
            except Exception as error:  # of the network, in any way there is
                result.error = f"{path.name}: {_http_reason(error)}"
        return result


def _contexts(objects: Sequence[Dataset]) -> dict[str, list[str]]:
    """Return the transfer syntaxes to propose by SOP class: its own, and plain ones if that is plain."""
    found: dict[str, list[str]] = {}
    for one in objects:
        own = one.file_meta.TransferSyntaxUID
        plain = (
            [] if own.is_encapsulated or own.is_deflated else [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
        )
        syntaxes = found.setdefault(text(one, "SOPClassUID"), [])
        syntaxes += [one for one in (own, *plain) if one not in syntaxes]
    return found


def _store(assoc: Any, found: Dataset) -> str:
    """Send an object; return why it was not taken, nothing where it was."""
    kind = found.SOPClassUID.name
    try:
        status = assoc.send_c_store(found)
    except ValueError:  # no presentation context was accepted
        return f"{kind}: the destination takes no objects of this kind"
    code = status.get("Status")
    if code is None:
        return f"{kind}: the association was lost"
    if code == 0 or code in WARNINGS:
        return ""
    return f"{kind}: refused with status {code:04X}"


def _why_not(assoc: Any) -> str:
    if assoc.is_rejected:
        primitive = assoc.acceptor.primitive
        return f"the association was rejected: {getattr(primitive, 'reason_str', 'no reason given')}"
    return "no association: nobody answers, or the peer aborted it"


def _http_reason(error: Exception) -> str:
    code = getattr(getattr(error, "response", None), "status_code", None)
    return f"HTTP {code}" if code else type(error).__name__
