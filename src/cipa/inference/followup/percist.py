"""PERCIST 1.0: the metabolic response of the hottest lesion, where its preconditions hold.

Wahl, Jacene, Kasamon and Lodge, From RECIST to PERCIST, J Nucl Med 50 (2009) 122S. The hottest lesion of
each study counts, which need not be the same one. What its text leaves to a reader (whether a new mark is
cancer or infection, whether uptake is that of the background) is a reader's still: a category here is what
the numbers give.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cipa.inference.followup.change import Change
from cipa.inference.followup.matching import Match
from cipa.inference.result import Prediction
from cipa.lesions.reference import KINDS, PERCIST_MEANS, percist_region

UPTAKE_MINUTES = (50.0, 70.0)
"""From injection to scan, of both studies."""

APART_MINUTES = 15.0
"""By which uptake times may differ."""

REGION_APART, REGION_APART_SUL = 0.2, 0.3
"""By which the mean SUL of liver or blood pool may differ: as a part of the first, and in SUL."""

LEAST_CHANGE, LEAST_CHANGE_SUL = 30.0, 0.8
"""Percent, and units of SUL, by which SULpeak changes in a response or a progression."""

MOST_TLG = 75.0
"""Percent of growth of TLG from which extent alone is a progression."""

SAME_SCANNER = (
    ("pet", "vendor"),
    ("pet", "scanner"),
    ("examination", "reconstruction"),
    ("examination", "filter"),
)

NAMES = {
    "CMR": "complete metabolic response",
    "PMR": "partial metabolic response",
    "SMD": "stable metabolic disease",
    "PMD": "progressive metabolic disease",
}


UNKNOWN = Change(None, None)


@dataclass(frozen=True)
class Percist:
    """The category, or why there is none.

    Attributes:
        category: a key of `NAMES`, or None.
        why: what the category follows from, or what keeps it from being stated, one line each.
        notes: what does not hold or is not known and does not keep a category from being stated, likewise.
        sul_peak: of the hottest lesion at each time.
        threshold: the least SULpeak of a lesion that can be measured at the first time.
    """

    category: str | None
    why: tuple[str, ...]
    notes: tuple[str, ...] = ()
    sul_peak: Change = UNKNOWN
    threshold: float | None = None

    def facts(self) -> dict[str, Any]:
        """Return it in JSON types."""
        return {
            "category": self.category,
            "name": NAMES.get(self.category or ""),
            "why": list(self.why),
            "notes": list(self.notes),
            "threshold_sul": self.threshold,
            **self.sul_peak.row("sul_peak"),
        }


def percist(
    before: Prediction,
    after: Prediction,
    matches: Sequence[Match],
    tlg: Change,
    sul_peaks: Sequence[Change] = (),
    residual_sul: float | None = None,
) -> Percist:
    """State the category of a response.

    Args:
        before: the first study.
        after: the second.
        matches: of their lesions.
        tlg: change of TLG over all lesions.
        sul_peaks: change of SULpeak of each match.
        residual_sul: SULpeak of the second study where the first's hottest lesion was; asked for where the
            second has no lesion.

    Returns:
        A category with its grounds, or every reason why none is stated.
    """
    threshold, by = before.totals()["percist_threshold_sul"], _region(before.facts)
    peaks = Change(before.sul_peak, after.sul_peak if after.lesions else residual_sul)
    reasons, notes = _preconditions(before.facts, after.facts)
    reasons += _tracers(before, after)
    if not before.lesions:
        reasons.append("the first study has no lesion")
    elif peaks.before is None or (peaks.after is None and after.lesions):
        reasons.append("SULpeak is not known: weight, height and sex of both studies are needed")
    elif by is not None and threshold is not None and peaks.before <= threshold:
        reasons.append(
            f"SULpeak of the first study's hottest lesion is {peaks.before:.2f}, not above {threshold:.2f}, "
            f"{PERCIST_MEANS[by]:g} times the {KINDS[by].name}'s mean and 2 SD: it cannot be measured"
        )
    if reasons:
        return Percist(None, tuple(reasons), tuple(notes), peaks, threshold)
    category, why = _category(after, matches, peaks, tlg, by or "liver")
    grown = [match for match, change in zip(matches, sul_peaks, strict=True) if _is_progress(change)]
    if category == "PMR" and grown:
        named = " and ".join(" ".join(map(str, match.after)) for match in grown)
        category, why = None, (*why, f"but lesion {named} grew hotter: a reader has to decide")
    return Percist(category, why, tuple(notes), peaks, threshold)


def _category(
    after: Prediction, matches: Sequence[Match], peaks: Change, tlg: Change, by: str
) -> tuple[str | None, tuple[str, ...]]:
    new = [number for match in matches if match.kind == "new" for number in match.after]
    missing = sum(len(match.before) + len(match.after) for match in matches if match.kind == "not covered")
    if new:
        named = ", ".join(map(str, new))
        return "PMD", (f"new lesions: {named}, unless they are inflammation or infection",)
    if missing:
        return None, (f"{missing} lesions lie where the other study does not reach",)
    change = f"SULpeak {_show(peaks.before)} to {_show(peaks.after)} ({_show(peaks.percent, '+')} %)"
    if not after.lesions:
        return _without_lesions(after, peaks, change, by)
    if _is_progress(peaks):
        return "PMD", (change,)
    if tlg.percent is not None and tlg.percent > MOST_TLG:
        return "PMD", (f"TLG grew by {tlg.percent:.0f} %, more than {MOST_TLG:g} %", change)
    if _is_response(peaks):
        return "PMR", (change,)
    return "SMD", (f"{change}: less than {LEAST_CHANGE:g} % or {LEAST_CHANGE_SUL:g} SUL",)


def _is_progress(change: Change) -> bool:
    """Tell whether SULpeak rose by as much as PERCIST asks, in percent and in SUL."""
    if change.difference is None or change.percent is None:
        return False
    return change.percent >= LEAST_CHANGE and change.difference >= LEAST_CHANGE_SUL


def _is_response(change: Change) -> bool:
    """Tell whether SULpeak fell by as much."""
    if change.difference is None or change.percent is None:
        return False
    return change.percent <= -LEAST_CHANGE and change.difference <= -LEAST_CHANGE_SUL


def _without_lesions(
    after: Prediction, peaks: Change, change: str, by: str
) -> tuple[str | None, tuple[str, ...]]:
    mean, name = _mean_sul(after.facts, by), KINDS[by].name
    if peaks.after is None:
        return None, ("the second study has no lesion, and what is left at the first's is not known",)
    if mean is not None and peaks.after < mean:
        line = (
            f"no lesion is left, and SULpeak where the hottest was is {peaks.after:.2f}, below the {name}'s"
        )
        return "CMR", (f"{line} mean of {mean:.2f}",)
    where = f"above the {name}'s mean" if mean is not None else f"but the {name}'s mean is not known"
    if _is_response(peaks):
        return "PMR", (f"no lesion is left, {where} ({change})",)
    return None, (
        f"no lesion was marked in the second study, but uptake stayed ({change}): look at its mask",
    )


def _preconditions(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return what breaks a precondition, and what is only to be said."""
    reasons: list[str] = []
    notes: list[str] = []
    minutes = [facts.get("suv", {}).get("uptake_minutes") for facts in (before, after)]
    reasons += _uptake(minutes)
    for group, name in SAME_SCANNER:
        pair = [facts.get(group, {}).get(name) for facts in (before, after)]
        if all(pair) and pair[0] != pair[1]:
            notes.append(f"the {name} differs, which PERCIST asks to be the same: {pair[0]}, then {pair[1]}")
        elif not all(pair):
            notes.append(f"whether the {name} is the same is not known")
    return reasons + _regions(before, after, notes), notes


def _tracers(before: Prediction, after: Prediction) -> list[str]:
    """Return why the tracer is none that PERCIST is for."""
    known = [None if one.source is None else one.source.scale.tracer for one in (before, after)]
    others = [one.name for one in known if one is not None and one.is_fdg is False]
    if others:
        return [f"the tracer is not FDG but {others[0]}"]
    if not all(one is not None and one.is_fdg for one in known):
        return ["the tracer is not named in both studies, so that it need not be FDG"]
    return []


def _uptake(minutes: Sequence[float | None]) -> list[str]:
    first, second = minutes
    if first is None or second is None:
        return ["the times from injection to scan are not known of both studies"]
    low, high = UPTAKE_MINUTES
    found = [
        f"the scan of the {name} study began {value:.0f} min after the injection, not {low:g} to {high:g}"
        for name, value in (("first", first), ("second", second))
        if not low <= value <= high
    ]
    if abs(first - second) > APART_MINUTES:
        found.append(f"uptake times differ by {abs(first - second):.0f} min, more than {APART_MINUTES:g}")
    return found


def _regions(before: Mapping[str, Any], after: Mapping[str, Any], notes: list[str]) -> list[str]:
    """Return whether the region that a study is compared with took up as much in the other."""
    by = _region(before)
    if by is None:
        return [
            "the liver's uptake in the first study is not known; give --before-liver-mm X Y Z, or "
            "--before-blood-pool-mm X Y Z where the liver is diseased"
        ]
    name = KINDS[by].name
    if by != "liver":
        notes.append(f"by the {name}, as the liver of the first study was not measured: is it diseased?")
    first, second = (_mean_sul(facts, by) for facts in (before, after))
    if first is None or second is None:
        option = f"--after-{by.replace('_', '-')}-mm"
        notes.append(f"the {name}'s uptake in the second study is not known ({option} X Y Z)")
        return []
    apart = abs(second - first)
    if apart > REGION_APART * first or apart > REGION_APART_SUL:
        return [
            f"the {name}'s mean SUL differs: {first:.2f}, then {second:.2f}; more than {REGION_APART:.0%} or "
            f"{REGION_APART_SUL:g}"
        ]
    return []


def _region(facts: Mapping[str, Any]) -> str | None:
    """Return what PERCIST goes by in a study, None where neither region's SUL is known."""
    return percist_region([kind for kind in PERCIST_MEANS if _mean_sul(facts, kind) is not None])


def _mean_sul(facts: Mapping[str, Any], kind: str) -> float | None:
    """Return the mean of a region, SUL."""
    found: float | None = facts.get("reference", {}).get(kind, {}).get("mean_sul")
    return found


def _show(value: float | None, sign: str = "-") -> str:
    return "unknown" if value is None else f"{value:{sign}.2f}" if sign == "-" else f"{value:{sign}.0f}"
