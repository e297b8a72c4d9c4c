"""What changed between two studies: of all lesions together, and of each match."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cipa.inference.followup.matching import Match
from cipa.inference.result import Prediction
from cipa.lesions.measure import Lesion

QUANTITIES = ("volume_ml", "tlg", "suv_max", "suv_peak", "sul_peak")
"""Of a lesion. Of several together volume and TLG are summed, of the others the highest counts."""

SUMMED = ("volume_ml", "tlg")


@dataclass(frozen=True)
class Change:
    """A value at two times.

    Attributes:
        before: None where it is not known, or there is no lesion.
        after: likewise.
    """

    before: float | None
    after: float | None

    @property
    def difference(self) -> float | None:
        """Second less first."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def percent(self) -> float | None:
        """Difference in percent of the first; None where that is 0."""
        return None if self.difference is None or not self.before else 100 * self.difference / self.before

    def row(self, name: str) -> dict[str, float | None]:
        """Return it as columns of a table."""
        return {
            f"{name}_before": self.before,
            f"{name}_after": self.after,
            f"{name}_change": self.difference,
            f"{name}_change_percent": self.percent,
        }


def total_changes(before: Prediction, after: Prediction) -> dict[str, Change]:
    """Return the change of each of `QUANTITIES` over all lesions, volume being the MTV, and of their number.

    Without a lesion volume and TLG are 0, and there is no SUV.
    """
    found = {"lesions": Change(before.lesion_count, after.lesion_count)}
    return found | {
        name: Change(*(_together(one.lesions, name) for one in (before, after))) for name in QUANTITIES
    }


def match_changes(before: Prediction, after: Prediction, match: Match) -> dict[str, Change]:
    """Return the change of each of `QUANTITIES` of one match; None where it has no lesion at a time."""
    sides = _members(before, match.before), _members(after, match.after)
    return {name: Change(*(_together(side, name) if side else None for side in sides)) for name in QUANTITIES}


def match_row(match: Match, changes: Mapping[str, Change]) -> dict[str, Any]:
    """Return a match as one row of a table."""
    row: dict[str, Any] = {
        "kind": match.kind,
        "lesions_before": " ".join(map(str, match.before)),
        "lesions_after": " ".join(map(str, match.after)),
        "distance_mm": match.distance_mm,
        "overlap": match.is_by_overlap if match.before and match.after else None,
    }
    for name, change in changes.items():
        row |= change.row(name)
    return row


def _members(prediction: Prediction, numbers: Sequence[int]) -> list[Lesion]:
    return [prediction.lesions[number - 1] for number in numbers]


def _together(lesions: Sequence[Lesion], name: str) -> float | None:
    found = [getattr(lesion, name) for lesion in lesions]
    known = [float(value) for value in found if value is not None]
    if len(known) < len(found):
        return None
    return sum(known) if name in SUMMED else max(known, default=None)
