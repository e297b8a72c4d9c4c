"""Print what a DICOM study holds: series, the pair that would be segmented, SUV factor, every problem.

Of a folder of many studies: a row a study.
"""

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cipa.cli.parser import Parser
from cipa.cli.study_names import HIDDEN, add_keep_names, has_alias
from cipa.cli.study_options import add_study_options, check_study_options, study_options
from cipa.errors import DataError

if TYPE_CHECKING:
    from rich.table import Table

    from cipa.io.studies import StudyPlace


EXAMPLES = """
cipa info STUDY
cipa info STUDIES --keep-names
cipa info STUDY --json > study.json
"""


def add_arguments(parser: Parser) -> None:
    """Declare the options of `cipa info`."""
    parser.explain("STUDY", EXAMPLES)
    add = parser.add_argument_group("input").add_argument
    add(
        "study",
        metavar="STUDY",
        help="folder (any nesting) or zip of DICOM files, or a folder of these",
    )
    add_study_options(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print everything as JSON")
    add_keep_names(group)


def run(arguments: Namespace) -> int:
    """Run `cipa info`.

    Returns:
        0 if the study, or every one of many, can be segmented, 1 if not.
    """
    check_study_options(arguments)
    from cipa.io.dicom.summary import summarise
    from cipa.io.studies import find_studies

    root = Path(arguments.study)
    places = [place for place in find_studies(root, arguments.keep_names) if place.pet is None]
    if len(places) > 1:
        return _many(places, arguments)
    facts = summarise(root, **study_options(arguments))
    if arguments.json:
        print(json.dumps(facts, indent=2))
    else:
        _print_facts(facts)
    return 0 if facts["usable"] else DataError.exit_code


def _many(places: "list[StudyPlace]", arguments: Namespace) -> int:
    """Print a row a study, or a list of everything as JSON."""
    from cipa.io.dicom.summary import summarise

    found = {}
    for place in places:
        try:
            found[place.name] = summarise(place.ct, place.folders, **study_options(arguments))
        except DataError as error:
            found[place.name] = {
                "usable": False,
                "suv": None,
                "series": [],
                "notes": [],
                "problems": [str(error)],
            }
    if arguments.json:
        print(json.dumps([{**facts, "study": name} for name, facts in found.items()], indent=2))
    else:
        _print_studies(found)
        if any(map(has_alias, places)):
            print(HIDDEN)
    return 0 if all(facts["usable"] for facts in found.values()) else DataError.exit_code


def _print_studies(found: dict[str, dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for heading in ("study", "scanner", "CT, mm", "PET, mm", "SUV factor", "usable"):
        table.add_column(heading, overflow="fold")
    for name, facts in found.items():
        used = {one["use"]: one for one in facts["series"] if one["use"]}
        edges = [
            " x ".join(f"{edge:.2f}" for edge in used[use]["spacing_mm"]) if used else ""
            for use in ("CT", "PET")
        ]
        scanner = f"{used['PET']['vendor']} {used['PET']['scanner']}".strip() if used else ""
        factor = f"{facts['suv']['factor']:.6g}" if facts["suv"] else ""
        verdict = "[green]yes[/]" if facts["usable"] else "[red]no[/]"
        table.add_row(escape(name), escape(scanner), *edges, factor, verdict)
    console = Console(highlight=False)
    console.print(table)
    for name, facts in found.items():
        for line in facts["problems"]:
            console.print(f"[red]problem[/] {escape(f'{name}: {line}')}", soft_wrap=True)


def _print_facts(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    console.print(escape(facts["study"]), soft_wrap=True)
    console.print(_series_table(facts["series"]))
    for one in facts["series"]:
        if one["use"]:
            part = f", body part {one['body_part']}" if one["body_part"] else ""
            console.print(escape(f"{one['use']}: {one['compression']}{part}"), soft_wrap=True)
    if facts["suv"]:
        console.print(f"SUV factor {facts['suv']['factor']:.8g} SUV per stored unit", soft_wrap=True)
        console.print(f"  {escape(facts['suv']['how'])}", soft_wrap=True)
        console.print("  SUV {:.2f} to {:.2f}".format(*facts["suv"]["range"]))
    for line in facts["notes"]:
        console.print(f"[yellow]note[/] {escape(line)}", soft_wrap=True)
    for line in facts["problems"]:
        console.print(f"[red]problem[/] {escape(line)}", soft_wrap=True)
    console.print("[green]Can be segmented[/]" if facts["usable"] else "[red]Cannot be segmented[/]")


def _series_table(series: list[dict[str, Any]]) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for heading in ("series", "kind", "description", "scanner", "grid", "spacing, mm", "use"):
        table.add_column(heading, overflow="fold")
    for one in series:
        spacing = " x ".join(f"{edge:.3f}" for edge in one["spacing_mm"] or ())
        use = f"[green]{one['use']}[/]" if one["use"] else escape("; ".join(one["problems"]) or "not chosen")
        scanner = f"{one['vendor']} {one['scanner']}".strip()
        cells = (one["number"], one["kind"], one["description"], scanner)
        table.add_row(*map(escape, cells), " x ".join(map(str, one["shape"])), spacing, use)
    return table
