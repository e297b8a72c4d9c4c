"""What is remembered of a study beside its files: its state, its results, and who has taken them."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from cipa.errors import DataError

StudyState = Literal["receiving", "queued", "segmenting", "done", "held"]
"""`receiving` until it was quiet, `queued` until its turn, `held` for a person to look at."""

DeliveryState = Literal["waiting", "accepted", "dead"]

WAITING: tuple[StudyState, ...] = ("receiving", "queued", "segmenting")
"""States of studies that are still to be segmented."""


@dataclass
class Delivery:
    """One result on its way to one destination.

    Attributes:
        state: `dead` is a dead letter: given up, kept and listed.
        attempts: made so far.
        next_at: seconds since 1970 before which it is not tried again.
        error: why the last attempt failed; empty if none did.
        accepted: files that the destination has taken.
    """

    state: DeliveryState = "waiting"
    attempts: int = 0
    next_at: float = 0.0
    error: str = ""
    accepted: list[str] = field(default_factory=list)


@dataclass
class Result:
    """What was made of a study's CT and PET as they once were.

    Attributes:
        made_at: seconds since 1970.
        objects: DICOM files, as paths below the result's folder.
        warnings: what needs a second look.
        deliveries: by name of the destination.
        deleted: whether its files were deleted in time.
    """

    made_at: float
    objects: list[str]
    warnings: list[str] = field(default_factory=list)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    deleted: bool = False

    @property
    def is_delivered(self) -> bool:
        """Whether every destination has taken it; never where there is none, as it is nowhere else then."""
        return bool(self.deliveries) and all(one.state == "accepted" for one in self.deliveries.values())


@dataclass
class Study:
    """One study.

    Attributes:
        state: as `StudyState`; after a crash, those in `WAITING` are found again by their files.
        reason: why it is held.
        evaluated: which files it had when it was last segmented or held (`cipa.serve.spool.digest_names`).
        attempts: times that it was begun without an end.
        changed_at: seconds since 1970 of the last new file.
        ended_at: seconds since 1970 at which it was last segmented or held.
        results: by the digest of their input.
    """

    state: StudyState = "receiving"
    reason: str = ""
    evaluated: str = ""
    attempts: int = 0
    changed_at: float = 0.0
    ended_at: float = 0.0
    results: dict[str, Result] = field(default_factory=dict)

    @property
    def is_delivered(self) -> bool:
        """Whether every result of it was taken by every destination."""
        return all(one.is_delivered for one in self.results.values())

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), indent=1) + "\n"


def study_from(found: dict[str, Any]) -> Study:
    """Build a study from what `Study.to_json` wrote.

    Raises:
        DataError: it is something else.
    """
    try:
        results = {digest: _result_from(one) for digest, one in found["results"].items()}
        return Study(**{**found, "results": results})
    except (TypeError, KeyError, AttributeError) as error:
        raise DataError(f"record of a study: not one of this version ({type(error).__name__})") from error


def _result_from(found: dict[str, Any]) -> Result:
    deliveries = {name: Delivery(**one) for name, one in found["deliveries"].items()}
    return Result(**{**found, "deliveries": deliveries})
