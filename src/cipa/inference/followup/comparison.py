"""Two studies compared: alignment, matches, changes, PERCIST, and what of it needs a second look."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cipa.errors import DataError
from cipa.inference.followup.alignment import Alignment, align
from cipa.inference.followup.change import Change, match_changes, match_row, total_changes
from cipa.inference.followup.matching import LEAST_SHARE, NEAREST_MM, Match, match_lesions
from cipa.inference.followup.percist import Percist, percist
from cipa.inference.followup.residual import residual_sul_peak
from cipa.inference.followup.time_point import patient_of
from cipa.inference.result import Prediction
from cipa.inference.save import DISCLAIMER
from cipa.version import __version__


@dataclass(frozen=True, eq=False, repr=False)
class StudyComparison:
    """What became of the lesions of one study in another.

    Attributes:
        before: the first study.
        after: the second.
        alignment: how they lie to each other.
        matches: of their lesions, each once.
        changes: of each match, by the names of `change.QUANTITIES`.
        totals: likewise over all lesions, and `lesions`, their number.
        percist: the category, or why there is none.
        nearest_mm: farthest that the centres of matched lesions without overlap may lie apart.
        warnings: what needs a second look, one line each.
    """

    before: Prediction
    after: Prediction
    alignment: Alignment
    matches: tuple[Match, ...]
    changes: tuple[dict[str, Change], ...]
    totals: dict[str, Change]
    percist: Percist
    nearest_mm: float
    warnings: tuple[str, ...]

    @property
    def rule(self) -> str:
        """By what lesions were matched, in words."""
        return (
            f"Lesions are one where {LEAST_SHARE:.0%} of the smaller lies in the other, or, of those that "
            f"overlap none, where their centres are nearest and at most {self.nearest_mm:g} mm apart."
        )

    def table(self) -> list[dict[str, Any]]:
        """Return a row a match."""
        return [match_row(*pair) for pair in zip(self.matches, self.changes, strict=True)]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the voxels, in types that JSON knows."""
        totals: dict[str, Any] = {}
        for name, change in self.totals.items():
            totals |= change.row("mtv_ml" if name == "volume_ml" else name)
        return {
            "disclaimer": DISCLAIMER,
            "version": __version__,
            "alignment": self.alignment.facts(),
            "matching": {"rule": self.rule, "nearest_mm": self.nearest_mm, "least_share": LEAST_SHARE},
            "totals": totals,
            "matches": self.table(),
            "percist": self.percist.facts(),
            "warnings": list(self.warnings),
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
        }

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON, without NaN."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"


def compare_studies(
    before: Prediction,
    after: Prediction,
    *,
    nearest_mm: float = NEAREST_MM,
    is_aligned: bool = False,
    allow_other_patient: bool = False,
) -> StudyComparison:
    """Compare two studies of one patient.

    Args:
        before: the first.
        after: the second.
        nearest_mm: farthest that the centres of lesions may lie apart that do not overlap.
        is_aligned: take both as they lie.
        allow_other_patient: compare though the headers name two patients.

    Raises:
        DataError: the headers name two patients, or as `align`.
        UsageError: as `align`.
    """
    warnings = [*_check_patient(before, after, allow_other_patient), *_check_dates(before, after)]
    alignment = align(before, after, is_aligned)
    matches = match_lesions(before, after, alignment.matrix, nearest_mm)
    changes = [match_changes(before, after, match) for match in matches]
    totals = total_changes(before, after)
    residual = residual_sul_peak(before, after, alignment.matrix) if not after.lesions else None
    response = percist(before, after, matches, totals["tlg"], [one["sul_peak"] for one in changes], residual)
    warnings += [f"first study: {line}" for line in before.warnings]
    warnings += [f"second study: {line}" for line in after.warnings]
    return StudyComparison(
        before,
        after,
        alignment,
        tuple(matches),
        tuple(changes),
        totals,
        response,
        nearest_mm,
        tuple(warnings),
    )


def _check_patient(before: Prediction, after: Prediction, allow_other: bool) -> Sequence[str]:
    patients = [patient_of(one) for one in (before, after)]
    if None in patients:
        return ("whether both studies are of one patient is not known: not both are DICOM with a Patient ID",)
    if patients[0] == patients[1]:
        return ()
    if not allow_other:
        raise DataError(
            "the two studies are of different patients by Patient ID (0010,0020) and birth date; if they are "
            "of one under two IDs, add --allow-other-patient"
        )
    return ("the two studies have different Patient IDs (0010,0020) or birth dates, as was allowed",)


def _check_dates(before: Prediction, after: Prediction) -> Sequence[str]:
    dates = [date_of(one) for one in (before, after)]
    if None in dates:
        return ("which study is the earlier one is not known: not both have a date",)
    first, second = (np.datetime64(date, "D") for date in dates if date is not None)
    if second < first:
        return (f"the first study ({first}) is later than the second ({second}): were they exchanged?",)
    return (f"both studies are of one day, {first}",) if second == first else ()


def date_of(prediction: Prediction) -> str | None:
    """Return the day of a study, ISO 8601, None where it is not known."""
    found: str | None = prediction.facts.get("examination", {}).get("date")
    return found
