"""Studies fetched from a DICOMweb server: QIDO-RS says which there are, WADO-RS gives their CT and PET."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

from pydicom import dcmwrite
from pydicom.dataset import Dataset

from cipa.io.dicom.silence import quiet
from cipa.io.dicom.tags import text
from cipa.serve.intake import SUCCESS, Intake
from cipa.serve.log import say, warn
from cipa.serve.settings import Web
from cipa.serve.spool import alias_of, name_study
from cipa.serve.web_client import make_client

MODALITIES = ("CT", "PT")
"""Of the series that are fetched; a study's own results, which lie beside them, are not."""

PAGE = 100
"""Studies asked for at a time."""

MOST_REMEMBERED = 20_000
"""Series whose number of objects is remembered, so that they are fetched again only if it changes."""


ATTEMPTS, PAUSE_S = 8, 2.0
"""Times that a study asked for is tried to be fetched; seconds after the first, doubled after each."""


@dataclass
class FetchRequest:
    """A study that was asked for.

    Attributes:
        study_uid: Study Instance UID.
        attempts: made so far.
        next_at: `time.monotonic` before which it is not tried again.
    """

    study_uid: str
    attempts: int = 0
    next_at: float = 0.0


class Fetcher(threading.Thread):
    """Fetches from one server: what it is asked for, and what the server has new at every look."""

    def __init__(self, settings: Web, intake: Intake) -> None:
        """Prepare; `start` begins, `stop` ends after the object at hand."""
        super().__init__(name=f"fetcher-{settings.name}")
        self.settings, self.intake = settings, intake
        self.stopping, self.woken = threading.Event(), threading.Event()
        self.requests: dict[Path, FetchRequest] = {}
        self.fetched: dict[str, int] = {}

    def run(self) -> None:
        """Look and fetch until `stop` is called."""
        next_look = time.monotonic()
        while not self.stopping.is_set():
            for path, one in list(self.requests.items()):
                if not self.stopping.is_set() and one.next_at <= time.monotonic():
                    self._fetch_requested(path, one)
            if self.settings.poll_s is not None and time.monotonic() >= next_look:
                self._attempt("server not polled", self.poll)
                next_look = time.monotonic() + self.settings.poll_s
            self.woken.wait(1.0)
            self.woken.clear()

    def request(self, path: Path, study_uid: str) -> None:
        """Have a study fetched, and the request's file deleted then; again does no harm."""
        if path not in self.requests:
            self.requests[path] = FetchRequest(study_uid)
            self.woken.set()

    def stop(self) -> None:
        """Fetch nothing more."""
        self.stopping.set()
        self.woken.set()

    @quiet()
    def poll(self) -> None:
        """Fetch every study that matches and has something new."""
        for study_uid in self._studies():
            if self.stopping.is_set():
                return
            self.fetch(study_uid)

    @quiet()
    def fetch(self, study_uid: str, again: bool = False) -> int:
        """Fetch the CT and PET series of a study that have another number of objects than last time.

        Args:
            study_uid: Study Instance UID.
            again: whether series that have not changed are fetched too.

        Returns:
            How many objects were new.
        """
        client, new, alias = make_client(self.settings), 0, alias_of(name_study(study_uid))
        for found in client.search_for_series(study_uid, fields=["NumberOfSeriesRelatedInstances"]):
            series = Dataset.from_json(found)
            uid, count = (
                text(series, "SeriesInstanceUID"),
                int(series.get("NumberOfSeriesRelatedInstances") or 0),
            )
            is_known = count and self.fetched.get(uid) == count
            if text(series, "Modality") not in MODALITIES or (is_known and not again):
                continue
            answers = [self._take(one) for one in client.iter_series(study_uid, uid)]
            new += answers.count("new")
            if "refused" not in answers:
                self._remember(uid, count)
        if new:
            say("study fetched", study=alias, server=self.settings.name, objects=new)
        return new

    def _studies(self) -> Iterator[str]:
        filters = dict(self.settings.query)
        if self.settings.days is not None:
            first = date.today() - timedelta(days=self.settings.days)
            filters["StudyDate"] = f"{first:%Y%m%d}-"
        client, offset = make_client(self.settings), 0
        while True:
            page = client.search_for_studies(search_filters=filters, limit=PAGE, offset=offset)
            yield from (text(Dataset.from_json(one), "StudyInstanceUID") for one in page)
            if len(page) < PAGE:
                return
            offset += PAGE

    def _take(self, found: Dataset) -> str:
        if self.stopping.is_set():
            return "refused"
        stream = BytesIO()
        dcmwrite(stream, found, enforce_file_format=True)
        sop_class, sop_instance = text(found, "SOPClassUID"), text(found, "SOPInstanceUID")
        answer = self.intake.take(stream.getvalue(), sop_class, sop_instance, self.settings.name)
        return "refused" if answer.status != SUCCESS else "new" if answer.is_new else "known"

    def _remember(self, series_uid: str, count: int) -> None:
        if len(self.fetched) >= MOST_REMEMBERED:
            self.fetched.clear()
        self.fetched[series_uid] = count

    def _fetch_requested(self, path: Path, one: "FetchRequest") -> None:
        """Fetch a study that was asked for; where that fails, later again a few times."""
        is_fetched = self._attempt("study not fetched", lambda: self.fetch(one.study_uid, again=True))
        one.attempts += 1
        one.next_at = time.monotonic() + PAUSE_S * 2 ** min(one.attempts, 6)
        if not is_fetched and one.attempts >= ATTEMPTS:
            warn("study given up", study=alias_of(name_study(one.study_uid)), server=self.settings.name)
        if is_fetched or one.attempts >= ATTEMPTS:
            path.unlink(missing_ok=True)
            del self.requests[path]

    def _attempt(self, event: str, work: Callable[[], object]) -> bool:
        try:
            work()
            return True
        except Exception as error:  # of the network, in any way there is
            code = getattr(getattr(error, "response", None), "status_code", None)
            reason = f"HTTP {code}" if code else type(error).__name__
            warn(event, server=self.settings.name, reason=reason)
            return False
