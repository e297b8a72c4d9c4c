"""What a worker says of a study whose turn is over; a file of its own, as the node imports no network."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class TurnResult:
    """What became of a study's turn.

    Attributes:
        state: `made`, `known` (the same input was segmented before), `held`, `full` (the disk is), or `stale`
            (a file was replaced meanwhile, so that the study is to be begun again).
        digest: of the input, where it could be read.
        objects: DICOM files below the folder of the result.
        reason: why it is held.
        warnings: what needs a second look.
        seconds: it took.
        lesions: of the result.
    """

    state: Literal["made", "known", "held", "full", "stale"]
    digest: str = ""
    objects: list[str] = field(default_factory=list)
    reason: str = ""
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    lesions: int = 0
