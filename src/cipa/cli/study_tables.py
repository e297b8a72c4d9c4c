"""What `cipa info` prints of one study, or of many."""

from typing import Any

from rich.console import Console
from rich.text import Text

from cipa.report.facts import tracer_line
from cipa.report.fitted_table import Cell, FittedTable, print_whole

SERIES = ("series", "kind", "description", "scanner", "voxels x × y × z", "spacing, mm", "use")
STUDIES = ("study", "scanner", "CT, mm", "PET, mm", "SUV factor", "tracer", "uptake, min", "usable")
WARNING, PROBLEM, GOOD, BAD = "bold yellow", "bold red", "bold green", "bold red"


def print_study(facts: dict[str, Any]) -> None:
    """Print what `cipa.io.dicom.summary.summarise` found in a study."""
    console = Console(highlight=False)
    _print(console, facts["study"], style="bold")
    print_whole(console, FittedTable(SERIES, [_series_row(one) for one in facts["series"]]))
    for one in facts["series"]:
        title = f"series {one['number']}"
        if one["use"]:
            part = f", body part {one['body_part']}" if one["body_part"] else ""
            _print(console, f"{one['use']}: {title}, {one['compression']}{part}")
        if one["frames"] and one["use"]:
            _print(console, f"{title}: {len(one['frames'])} time frames ({one['frame_times']})")
        for line in one["problems"]:
            _print(console, f"{title}: {line}", "not usable", WARNING)
    if facts["suv"]:
        _print(console, f"tracer: {tracer_line(facts['suv'])}")
        _print(console, f"SUV factor {facts['suv']['factor']:.8g} SUV per stored unit")
        _print(console, f"  {facts['suv']['how']}")
        _print(console, "  SUV {:.2f} to {:.2f}".format(*facts["suv"]["range"]))
    for line in facts["notes"]:
        _print(console, line, "warning", WARNING)
    for line in facts["problems"]:
        _print(console, line, "problem", PROBLEM)
    usable = facts["usable"]
    _print(console, "Can be segmented" if usable else "Cannot be segmented", style=GOOD if usable else BAD)


def print_studies(found: dict[str, dict[str, Any]]) -> None:
    """Print a row a study, then what is wrong with which."""
    console = Console(highlight=False)
    print_whole(console, FittedTable(STUDIES, [_study_row(name, facts) for name, facts in found.items()]))
    for name, facts in found.items():
        for line in facts["problems"]:
            _print(console, f"{name}: {line}", "problem", PROBLEM)


def _print(console: Console, line: str, head: str = "", style: str = "") -> None:
    """Print a line after a word in `style`, or all of it in that style."""
    text = Text.assemble((head, style), " ", line) if head else Text(line, style)
    print_whole(console, text)


def _series_row(one: dict[str, Any]) -> list[Cell]:
    spacing = " × ".join(f"{edge:.4g}" for edge in one["spacing_mm"] or ())
    state = "not usable" if one["problems"] else "not chosen"
    use = Text(one["use"], style=GOOD) if one["use"] else Text(state, style="dim")
    scanner = f"{one['vendor']} {one['scanner']}".strip()
    grid = " × ".join(map(str, one["shape"]))
    return [one["number"], one["kind"], one["description"], scanner, grid, spacing, use]


def _study_row(name: str, facts: dict[str, Any]) -> list[Cell]:
    used = {one["use"]: one for one in facts["series"] if one["use"]}
    edges = [
        " × ".join(f"{edge:.4g}" for edge in used[use]["spacing_mm"]) if used else "" for use in ("CT", "PET")
    ]
    scanner = f"{used['PET']['vendor']} {used['PET']['scanner']}".strip() if used else ""
    suv = facts["suv"]
    factor = f"{suv['factor']:.6g}" if suv else ""
    tracer = (suv["tracer"] or suv["nuclide"]) if suv else ""
    minutes = "" if not suv or suv["uptake_minutes"] is None else f"{suv['uptake_minutes']:.0f}"
    verdict = Text("yes", style=GOOD) if facts["usable"] else Text("no", style=BAD)
    return [Text(name), Text(scanner), *edges, factor, Text(tracer), minutes, verdict]
