"""What a spool holds, read from its files: for people, whether or not the node runs."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cipa.errors import DataError, UsageError
from cipa.serve.queue import Queue
from cipa.serve.service import is_running
from cipa.serve.settings import Limits
from cipa.serve.spool import Spool, alias_of

HOUR_S = 3600.0


@dataclass(frozen=True)
class Line:
    """A study that a person should look at.

    Attributes:
        study: name of its folder.
        alias: what logs call it.
        state: `held`, `dead` (a dead letter) or `waiting` (a destination did not take it yet).
        reason: why.
        hours: since it was last segmented, held or changed.
        destination: of a result.
    """

    study: str
    alias: str
    state: str
    reason: str
    hours: float
    destination: str = ""


@dataclass(frozen=True)
class Status:
    """The state of a spool.

    Attributes:
        spool: its folder.
        running: whether a node uses it.
        counts: studies and deliveries by state.
        megabytes: of received objects.
        lines: what a person should look at.
        damaged: studies whose record cannot be read.
    """

    spool: str
    running: bool
    counts: dict[str, int]
    megabytes: float
    lines: tuple[Line, ...]
    damaged: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it in types that JSON knows."""
        return asdict(self)


def read_status(root: Path) -> Status:
    """Read the state of a spool without changing it.

    Raises:
        UsageError: there is none.
    """
    if not (root / "studies").is_dir():
        raise UsageError(f"spool {root}: no spool of cipa serve; name the one in the settings")
    queue = Queue(Spool(root), Limits(), is_owner=False)
    return Status(
        str(root),
        is_running(root),
        dict(queue.counts()),
        round(queue.bytes / 2**20, 1),
        tuple(_lines(queue)),
        tuple(queue.damaged),
    )


def find_study(root: Path, word: str) -> str:
    """Return the name of the folder of a study given as alias, or as the beginning of its name.

    Raises:
        DataError: there is none, or more than one.
    """
    start = word.removeprefix("study-")
    found = [one for one in Spool(root).list_studies() if one.startswith(start)] if start else []
    if len(found) != 1:
        raise DataError(
            f"{word}: {len(found)} studies of that name in {root}; cipa serve --status lists them"
        )
    return found[0]


def _lines(queue: Queue) -> list[Line]:
    now, lines = time.time(), []
    for study, entry in queue.studies.items():
        record, alias = entry.record, alias_of(study)
        if record.state == "held":
            lines.append(Line(study, alias, "held", record.reason, _hours(now, record.ended_at)))
        for result in record.results.values():
            for name, one in result.deliveries.items():
                if one.state == "dead" or (one.state == "waiting" and one.error):
                    hours = _hours(now, result.made_at)
                    lines.append(Line(study, alias, one.state, one.error, hours, name))
    return sorted(lines, key=lambda one: (one.state, one.alias, one.destination))


def _hours(now: float, then: float) -> float:
    return round(max(0.0, now - then) / HOUR_S, 2)
