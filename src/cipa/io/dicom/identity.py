"""Who a patient is must not leave through names of files, tables and lines of logs."""

import hashlib
import re

from pydicom.dataset import Dataset

from cipa.io.dicom.silence import quiet
from cipa.io.dicom.tags import text

TAGS = (
    *("PatientName", "PatientID", "PatientIdentityRemoved"),
    *("StudyInstanceUID", "SOPClassUID", "SpecificCharacterSet"),
)
"""What `secrets_of` and `alias_of` read."""


@quiet()
def secrets_of(header: Dataset) -> tuple[str, ...]:
    """Return the parts of a patient's name, and the ID, that no label may hold, longest first.

    None where Patient Identity Removed (0012,0062) is YES: name and ID are aliases then.
    """
    if text(header, "PatientIdentityRemoved").upper() == "YES":
        return ()
    parts = {*re.split(r"[\W_]+", text(header, "PatientName")), text(header, "PatientID")}
    return tuple(sorted((part for part in parts if len(part) > 1), key=len, reverse=True))


def scrubbed(line: str, secrets: tuple[str, ...]) -> str:
    """Return a line with asterisks for a patient's name and ID, whatever their case.

    Args:
        line: a label, a message or a path.
        secrets: as `secrets_of` gave them; those of up to three letters are looked for as whole words only.
    """
    for part in secrets:
        found = re.escape(part) if len(part) > 3 else rf"(?<![^\W_]){re.escape(part)}(?![^\W_])"
        line = re.sub(found, "***", line, flags=re.IGNORECASE)
    return line


@quiet()
def alias_of(header: Dataset) -> str:
    """Return a name that is the same for the same study and says nothing about the patient."""
    uid = text(header, "StudyInstanceUID")
    return "study-" + hashlib.sha256(uid.encode()).hexdigest()[:10]


def safe_label(label: str, header: Dataset) -> str:
    """Return a label, or the study's alias where it holds a part of the patient's name or the ID."""
    return label if scrubbed(label, secrets_of(header)) == label else alias_of(header)
