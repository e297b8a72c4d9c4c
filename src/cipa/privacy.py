"""The last line of defence of a patient's identity: what libraries say is scrubbed before it is shown.

Text is scrubbed where it enters (`cipa.io.dicom.identity`). What slips through, such as a header's value that
a library quotes in a warning or in a traceback, is caught on its way to the terminal: whoever reads headers
registers what hides their secrets. This project's own lines pass as they are, as their words may be names.
"""

from collections.abc import Callable
from threading import Lock

Scrub = Callable[[str], str]

MOST = 8
"""Patients remembered: lines are of the study at hand, and looking for each takes a millisecond a line."""

_known: dict[object, Scrub] = {}
_lock = Lock()


def remember(key: object, scrub: Scrub) -> None:
    """Register what hides a patient's identity in a line.

    Args:
        key: the same for the same identity, so that it is registered once; hashable.
        scrub: returns a line with asterisks for every secret.
    """
    with _lock:
        _known.pop(key, None)
        _known[key] = scrub
        while len(_known) > MOST:
            del _known[next(iter(_known))]


def scrub_line(line: str) -> str:
    """Return a line without anything that is registered."""
    for scrub in list(_known.values()):
        line = scrub(line)
    return line


def forget() -> None:
    """Forget all that is registered."""
    with _lock:
        _known.clear()
