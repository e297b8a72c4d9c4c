"""The report of two studies of one patient: a self-contained page, JSON, tables and pictures."""

from collections.abc import Iterator
from pathlib import Path

from cipa.evaluation.tables import write_csv
from cipa.files import atomic_folder
from cipa.inference.followup.change import Change
from cipa.inference.followup.comparison import StudyComparison, date_of
from cipa.inference.followup.matching import Match
from cipa.inference.followup.percist import NAMES
from cipa.inference.result import Prediction
from cipa.inference.save import DISCLAIMER
from cipa.report.mip import save_mip
from cipa.report.templates import render
from cipa.version import __version__

PAGE, JSON, MATCHES, TOTALS, PICTURES = (
    "followup.html",
    "followup.json",
    "matches.csv",
    "totals.csv",
    "pictures",
)

TITLES = {
    "lesions": ("Lesions", "", 0),
    "volume_ml": ("MTV", "mL", 1),
    "tlg": ("TLG", "SUV · mL", 1),
    "suv_max": ("SUVmax", "", 1),
    "suv_peak": ("SUVpeak", "", 1),
    "sul_peak": ("SULpeak", "", 2),
}
"""Names of what changes, units, and digits that are shown."""

KINDS = {"new": "new", "vanished": "vanished", "not covered": "other study does not reach it"}


def write_followup(folder: Path, found: StudyComparison) -> None:
    """Write the report's folder, which appears whole or not at all.

    In it: `followup.html`, which needs no other file; `followup.json`; `matches.csv`, a row a match;
    `totals.csv`, a row a quantity; `pictures/`, the projections of both.

    Raises:
        OSError: the folder cannot be written.
    """
    with atomic_folder(folder) as partial:
        (partial / PICTURES).mkdir()
        pictures = list(_draw(partial / PICTURES, found))
        page = render(
            "followup.html.j2",
            found=found,
            sides=[_side(found.before), _side(found.after)],
            totals=[(*TITLES[name][:2], *_cells(name, change)) for name, change in found.totals.items()],
            columns=[TITLES[name][:2] for name in list(found.totals)[1:]],
            matches=[_match_row(found, index) for index in range(len(found.matches))],
            response=NAMES.get(found.percist.category or ""),
            pictures=pictures,
            disclaimer=DISCLAIMER,
            version=__version__,
        )
        (partial / PAGE).write_text(page, encoding="utf-8", newline="\n")
        (partial / JSON).write_text(found.to_json(), encoding="utf-8")
        write_csv(
            partial / TOTALS, [{"quantity": name} | one.row("value") for name, one in found.totals.items()]
        )
        write_csv(partial / MATCHES, found.table() or [{"kind": ""}])


def is_followup(folder: Path) -> bool:
    """Say whether a folder is one that `write_followup` wrote, so that it may be replaced."""
    return (folder / JSON).is_file() and (folder / PAGE).is_file()


def summary_lines(found: StudyComparison) -> Iterator[str]:
    """Give what the terminal shows: totals, matches, the category or why there is none."""
    for name, change in found.totals.items():
        title, unit, _ = TITLES[name]
        before, after, difference, percent = _cells(name, change)
        share = f" ({percent})" if percent else ""
        yield f"{title:<8} {before} to {after} {unit}".rstrip() + (
            f", {difference}{share}" if change.difference else ""
        )
    for match in found.matches:
        yield match_line(match)
    if found.percist.category:
        yield f"PERCIST 1.0: {found.percist.category}, {NAMES[found.percist.category]}"
    for line in found.percist.why:
        yield f"  {line}" if found.percist.category else f"PERCIST 1.0: not stated: {line}"
    for line in found.percist.notes:
        yield f"  note: {line}"
    yield found.alignment.how


def match_line(match: Match) -> str:
    """Say in a line what became of lesions."""
    before, after = (" and ".join(map(str, side)) for side in (match.before, match.after))
    if match.kind in KINDS:
        where = f"lesion {before} of the first" if before else f"lesion {after} of the second"
        return f"{where} study: {KINDS[match.kind]}"
    how = {"same": "", "merged": ": merged", "split": ": split", "several": ": merged and split"}[match.kind]
    near = "" if match.is_by_overlap else f" (no overlap, centres {match.distance_mm:.0f} mm apart)"
    return f"lesion {before} of the first study is {after} of the second{how}{near}"


def _draw(folder: Path, found: StudyComparison) -> Iterator[tuple[str, Path]]:
    """Draw the projections of both studies, where there is PET; give title and file."""
    for name, title, prediction in (
        ("before", "First study", found.before),
        ("after", "Second study", found.after),
    ):
        if "pet" in prediction.inputs:
            heading = f"{title}, {date_of(prediction) or 'date unknown'}"
            save_mip(folder / f"{name}.png", prediction, heading)
            yield heading, folder / f"{name}.png"


def _side(prediction: Prediction) -> dict[str, str]:
    """Return what the page says of one study."""
    facts = prediction.facts
    minutes = facts.get("suv", {}).get("uptake_minutes")
    scanner = " ".join(str(facts.get("pet", {}).get(name) or "") for name in ("vendor", "scanner")).strip()
    return {
        "Study": str(facts.get("study", "")),
        "Date": date_of(prediction) or "unknown",
        "Tracer": str(facts.get("examination", {}).get("tracer") or "unknown"),
        "Uptake time": "unknown" if minutes is None else f"{minutes:.0f} min",
        "Scanner": scanner or "unknown",
        "Reconstruction": str(facts.get("examination", {}).get("reconstruction") or "unknown"),
    }


def _match_row(found: StudyComparison, index: int) -> dict[str, object]:
    match, changes = found.matches[index], found.changes[index]
    return {
        "before": ", ".join(map(str, match.before)) or "–",
        "after": ", ".join(map(str, match.after)) or "–",
        "kind": KINDS.get(match.kind, match.kind),
        "near": match.is_by_overlap,
        "cells": [_cells(name, change) for name, change in changes.items()],
    }


def _cells(name: str, change: Change) -> tuple[str, str, str, str]:
    """Return first, second, difference and percent as they are shown; empty where there is none."""
    digits = TITLES[name][2]
    first, second = ("–" if one is None else f"{one:.{digits}f}" for one in (change.before, change.after))
    difference = "" if change.difference is None else f"{change.difference:+z.{digits}f}"
    return first, second, difference, "" if change.percent is None else f"{change.percent:+z.0f} %"
