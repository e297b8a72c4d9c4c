"""What is looked at before an object is taken, and what its sender is told (PS3.4 table B.2-1)."""

import re
from dataclasses import dataclass
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset

from cipa.files import is_disk_full
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.tags import text
from cipa.serve.log import say, warn
from cipa.serve.metrics import Meters
from cipa.serve.queue import OutOfResourcesError, Queue
from cipa.serve.spool import alias_of, name_study

SUCCESS, OUT_OF_RESOURCES, MISMATCH, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xA900, 0xC000
"""Status codes of C-STORE."""

UID_FORM = re.compile(r"[0-9]+(\.[0-9]+)*")
"""Components of digits with dots between them (PS3.5, 9.1)."""

READ = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


@dataclass(frozen=True)
class Answer:
    """What the sender is told.

    Attributes:
        status: of C-STORE.
        comment: Error Comment (0000,0902), up to 64 characters that name no patient; empty for success.
        is_new: whether the object was not there before.
    """

    status: int
    comment: str = ""
    is_new: bool = False


class Intake:
    """Takes objects into the queue, from whatever source."""

    def __init__(self, queue: Queue, meters: Meters) -> None:
        """Take them into `queue` and count them in `meters`."""
        self.queue, self.meters = queue, meters

    def take(self, content: bytes, sop_class: str, sop_instance: str, sender: str) -> Answer:
        """Take one object.

        Args:
            content: a whole DICOM file (PS3.10).
            sop_class: SOP Class UID that the message names.
            sop_instance: SOP Instance UID that the message names.
            sender: AE title or name of the server, for the log.

        Returns:
            The answer; with success the object is on disk.
        """
        try:
            answer, study = self._take(content, sop_class, sop_instance)
        except OutOfResourcesError as error:
            answer, study = Answer(OUT_OF_RESOURCES, str(error)[:64]), ""
        except OSError as error:
            reason = "no space left on the disk" if is_disk_full(error) else str(error.strerror)
            answer, study = Answer(OUT_OF_RESOURCES, reason[:64]), ""
        self.meters.objects.labels(f"{answer.status:04X}").inc()
        if answer.status != SUCCESS:
            warn("object refused", status=f"{answer.status:04X}", reason=answer.comment, sender=sender)
        elif answer.is_new:
            self.meters.bytes.inc(len(content))
            say("object received", 10, study=study, sender=sender, bytes=len(content))
        return answer

    def _take(self, content: bytes, sop_class: str, sop_instance: str) -> tuple[Answer, str]:
        limits = self.queue.limits
        if len(content) > limits.object_mb * 2**20:
            raise OutOfResourcesError(f"limits.object_mb: {limits.object_mb} exceeded")
        header = read_uids(content)
        if header is None:
            return Answer(CANNOT_UNDERSTAND, "not a DICOM data set that can be read"), ""
        found = {name: text(header, name) for name in READ}
        for name, uid in found.items():
            if not UID_FORM.fullmatch(uid) or len(uid) > 64:
                return Answer(CANNOT_UNDERSTAND, f"{name} is missing or no UID"), ""
        if found["SOPClassUID"] != sop_class:
            return Answer(MISMATCH, "SOPClassUID is not the one of the message"), ""
        if found["SOPInstanceUID"] != sop_instance:
            return Answer(MISMATCH, "SOPInstanceUID is not the one of the message"), ""
        study_uid = found["StudyInstanceUID"]
        is_new = self.queue.receive(study_uid, sop_instance, content)
        return Answer(SUCCESS, is_new=is_new), alias_of(name_study(study_uid))


@quiet()
def read_uids(content: bytes) -> Dataset | None:
    """Read the UIDs of a DICOM file; None for what cannot be read.

    All of the header is parsed, so that one which is damaged before its pixels is found out here.
    """
    try:
        header = dcmread(BytesIO(content), stop_before_pixels=True)
        for name in READ:
            text(header, name)
        return header
    except Exception:  # damage makes pydicom raise almost anything
        return None
