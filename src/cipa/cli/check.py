"""Report every missing, unreadable, mis-sized or mis-split file of a data set in PCLT20K layout."""

from argparse import Namespace
from typing import TYPE_CHECKING

from cipa.cli.parser import Parser
from cipa.errors import DataError, UsageError
from cipa.text import plural

if TYPE_CHECKING:
    from rich.table import Table

    from cipa.data.findings import CheckReport, Kind


EXAMPLES = """
cipa check DATA
cipa check DATA --image-size 512 --json > report.json
"""


def add_arguments(parser: Parser) -> None:
    """Declare what `cipa check` takes."""
    parser.explain("DATA", EXAMPLES)
    add = parser.add_argument_group("input").add_argument
    add("data", metavar="DATA", help="folder with train.txt, test.txt and a folder a patient")
    add(
        "--image-size",
        "--size",
        type=int,
        metavar="N",
        help="pixels a side every image must have (default: the commonest)",
    )
    add("--workers", type=int, metavar="N", help="threads that read (default: two a processor)")
    add = parser.add_argument_group("output").add_argument
    add("--show", type=int, default=5, metavar="N", help="how many of each kind of problem to name")
    add("--json", action="store_true", help="print the whole report as JSON, every problem named")


def run(arguments: Namespace) -> int:
    """Check the data set and print what was found.

    Returns:
        0 if it can be trained and tested on (warnings allowed), 1 if it holds errors.
    """
    for name, least in (("image_size", 1), ("show", 0), ("workers", 1)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise UsageError(f"--{name.replace('_', '-')} {value}: give {least} or more")
    report = _check(arguments)
    if arguments.json:
        import json

        print(json.dumps(report.as_dict(), indent=2))
    else:
        _print_report(report, arguments.show)
    return DataError.exit_code if report.errors else 0


def _check(arguments: Namespace) -> "CheckReport":
    from cipa.data.check import check_dataset
    from cipa.progress import progress_bar

    with progress_bar("reading slices") as progress:
        return check_dataset(
            arguments.data, size=arguments.image_size, workers=arguments.workers, progress=progress
        )


def _print_report(report: "CheckReport", show: int) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    console.print(f"{escape(report.root)}: {report.size} x {report.size} pixels", soft_wrap=True)
    console.print(_split_table(report))
    if report.findings:
        console.print(_findings_table(report, show))
    if not report.errors:
        verdict = "[green]Ready to train and test on[/]"
    else:
        verdict = f"[red]Not ready: {plural(report.errors, 'error')}[/]"
    console.print(f"{verdict}, {plural(report.warnings, 'warning')}")


def _split_table(report: "CheckReport") -> "Table":
    from rich.table import Table

    table = Table()
    for heading in ("list", "patients", "slices", "smallest tumour, px", "median", "largest"):
        table.add_column(heading, justify="left" if heading == "list" else "right", no_wrap=True)
    for name, facts in report.splits.items():
        area = [f"{value:,.0f}" for value in facts.tumour_area] if facts.tumour_area else ["-"] * 3
        table.add_row(name, f"{facts.patients:,}", f"{facts.slices:,}", *area)
    return table


def _findings_table(report: "CheckReport", show: int) -> "Table":
    from rich.table import Table

    table = Table(show_lines=True)
    table.add_column("problem", no_wrap=True)
    table.add_column("count", justify="right")
    table.add_column("where", overflow="fold")
    counts = report.counts
    for kind in sorted(counts, key=lambda kind: not kind.is_error):
        name = f"[red]{kind.value}[/]" if kind.is_error else f"[yellow]{kind.value} (warning)[/]"
        table.add_row(name, f"{counts[kind]:,}", _offenders(report, kind, show))
    return table


def _offenders(report: "CheckReport", kind: "Kind", show: int) -> str:
    from rich.markup import escape

    found = [finding for finding in report.findings if finding.kind is kind]
    lines = [escape(f"{finding.where}  {finding.detail}".rstrip()) for finding in found[:show]]
    if len(found) > show:
        lines.append(f"[dim]and {len(found) - show:,} more[/]" if show else "[dim]not named, see --show[/]")
    return "\n".join(lines)
