"""What can be wrong with a data set, and the report that collects it."""

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(Enum):
    """One way for a data set to be wrong; the value is its name in reports."""

    MISSING_LIST = "missing or unreadable list"
    EMPTY_LIST = "empty list"
    MALFORMED_ID = "malformed id"
    DUPLICATE_ID = "id twice in one list"
    ID_IN_BOTH_LISTS = "id in both lists"
    PATIENT_IN_BOTH_LISTS = "patient in both lists"
    MISSING_FILE = "missing file"
    UNREADABLE_FILE = "unreadable file"
    WRONG_SIZE = "wrong size"
    NOT_BINARY = "mask not binary"
    EMPTY_MASK = "empty mask"
    UNLISTED_SLICE = "slice in no list"

    @property
    def is_error(self) -> bool:
        """Whether it makes `cipa check` fail; the others can be meant and are only reported."""
        return self not in (Kind.EMPTY_MASK, Kind.UNLISTED_SLICE)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: what it is.
        where: the file below the data set's folder, the slice or the patient.
        detail: what was found there, in words; empty where the kind says it all.
    """

    kind: Kind
    where: str
    detail: str = ""


@dataclass(frozen=True)
class SplitFacts:
    """Totals of one list.

    Attributes:
        patients: number of patients.
        slices: number of distinct slices.
        tumour_area: smallest, median and largest tumour area of its slices in pixels, slices without tumour
            left out; None if no mask was readable or all were empty.
    """

    patients: int
    slices: int
    tumour_area: tuple[float, float, float] | None


@dataclass(frozen=True)
class CheckReport:
    """The result of checking a data set.

    Attributes:
        root: the data set's folder.
        size: height and width in pixels against which images were held.
        splits: facts by name of the list, "train" and "test".
        findings: everything wrong, errors before warnings, in the order of `Kind` and within it of the data.
    """

    root: str
    size: int
    splits: dict[str, SplitFacts]
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[Kind, int]:
        """Number of findings of each kind that occurs, in the order of `Kind`."""
        count = Counter(finding.kind for finding in self.findings)
        return {kind: count[kind] for kind in Kind if count[kind]}

    @property
    def errors(self) -> int:
        """Number of findings that are errors."""
        return sum(finding.kind.is_error for finding in self.findings)

    @property
    def warnings(self) -> int:
        """Number of findings that are warnings."""
        return len(self.findings) - self.errors

    def as_dict(self) -> dict[str, Any]:
        """Return the whole report in types that JSON knows."""
        return {
            "root": self.root,
            "size": self.size,
            "errors": self.errors,
            "warnings": self.warnings,
            "counts": {kind.value: count for kind, count in self.counts.items()},
            "splits": {name: _split_as_dict(facts) for name, facts in self.splits.items()},
            "findings": [
                {
                    "kind": finding.kind.value,
                    "severity": "error" if finding.kind.is_error else "warning",
                    "where": finding.where,
                    "detail": finding.detail,
                }
                for finding in self.findings
            ],
        }


def _split_as_dict(facts: SplitFacts) -> dict[str, Any]:
    area = facts.tumour_area and dict(zip(("min", "median", "max"), facts.tumour_area, strict=True))
    return {"patients": facts.patients, "slices": facts.slices, "tumour_area_px": area}
