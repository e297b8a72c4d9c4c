"""A comparison of runs as one table: for the terminal, as Markdown, as CSV and as a page with drawings."""

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from cipa.evaluation.comparison import Comparison, Entry
from cipa.evaluation.published import Row
from cipa.evaluation.statistics import Interval, why_no_interval, why_no_test
from cipa.evaluation.tables import write_csv
from cipa.files import atomic_folder
from cipa.report.comparison_page import comparison_html
from cipa.report.comparison_text import COLUMNS, about_rows, cells, notes, title, verdict

FILES = {"comparison.md", "comparison.html", "comparison.csv"}

VIEWS = "views"
"""Folder of files that show a patient's images with the masks of all runs, where they were asked for."""

WriteViews = Callable[[Path], tuple[dict[str, str], list[str]]]
"""Writes views into a folder; returns the file of each patient, and warnings."""

NARROW = ("score and run", "mean [95 % interval]", "median", "n")
"""Columns of the table on a narrow terminal, where the difference stands below a run's scores."""


class ComparisonTable:
    """A row a score and run for `rich.print`: as wide as the terminal allows, with nothing cut."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType | Segment]:
        """Lay the table out for the width at hand; a file or a pipe gets the wide one."""
        yield Text(title(self.comparison), style="bold")
        yield Text(verdict(self.comparison))
        wide, narrow = _wide_table(self.comparison), _narrow_table(self.comparison)
        room = options.update(width=10_000)
        needed, less = (Measurement.get(console, room, table).maximum for table in (wide, narrow))
        if not console.is_terminal:
            yield from console.render(wide, options.update(width=needed))
        elif needed <= options.max_width:
            yield wide
        elif less <= options.max_width:
            yield narrow
        else:
            yield from map(Text, _lines(self.comparison))
        for line in notes(self.comparison):
            yield Text(line)


def _wide_table(comparison: Comparison) -> Table:
    table = Table(header_style="bold", box=SIMPLE_HEAD)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in COLUMNS[:2] else "right", no_wrap=True)
    for entry in comparison.entries:
        is_last = entry.run == comparison.runs[-1]
        table.add_row(*map(Text, cells(comparison, entry)), end_section=is_last)
    return table


def _narrow_table(comparison: Comparison) -> Table:
    table = Table(header_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in NARROW:
        left = name == NARROW[0]
        table.add_column(name, justify="left" if left else "right", no_wrap=not left, overflow="fold")
    for entry in comparison.entries:
        label, run, mean, median, patients, difference, p, p_holm = cells(comparison, entry)
        if label:
            table.add_row(Text(label, style="bold"))
        is_last = entry.run == comparison.runs[-1]
        table.add_row(
            *map(Text, (f"  {run}", mean, median, patients)), end_section=is_last and not difference
        )
        if difference:
            table.add_row(Text(f"    p {p}, Holm {p_holm}"), Text(difference), end_section=is_last)
    return table


def _lines(comparison: Comparison) -> Iterator[str]:
    """Return what the tables hold where neither fits: a line a number."""
    for entry in comparison.entries:
        label, run, mean, median, patients, difference, p, p_holm = cells(comparison, entry)
        if label:
            yield f"\n{label}"
        yield f"  {run}"
        yield f"    {mean}, median {median}, n {patients}"
        if difference:
            yield f"    difference {difference}"
            yield f"    p {p}, Holm {p_holm}"
    yield ""


def comparison_markdown(comparison: Comparison) -> str:
    """Return the same table as GitHub-flavoured Markdown, with its notes below."""
    lines = [
        f"# {title(comparison)}",
        "",
        _escape(verdict(comparison)),
        "",
        *(f"- {name}: {_escape(_each(comparison.runs, values))}" for name, values in about_rows(comparison)),
        "",
        _markdown_row(COLUMNS),
        "|---|---|" + "---:|" * (len(COLUMNS) - 2),
        *(_markdown_row(cells(comparison, entry)) for entry in comparison.entries),
        "",
        *(f"- {_escape(line)}" for line in notes(comparison)),
    ]
    return "\n".join(lines) + "\n"


def write_comparison(
    folder: str | os.PathLike[str], comparison: Comparison, write_views: WriteViews | None = None
) -> list[str]:
    """Write comparison.md, comparison.html and comparison.csv, the latter in fractions, mm and mL.

    Args:
        folder: where to; it appears when all are written, and replaces one that stood there.
        comparison: the runs.
        write_views: writes the `VIEWS`, which the page links to; None for none.

    Returns:
        Warnings of `write_views`.

    Raises:
        OSError: the folder cannot be written; what stood there stands there still.
    """
    views: dict[str, str] = {}
    warnings: list[str] = []
    with atomic_folder(folder) as partial:
        if write_views is not None:
            files, warnings = write_views(partial / VIEWS)
            views = {patient: f"{VIEWS}/{file}" for patient, file in files.items()}
        texts = {"md": comparison_markdown(comparison), "html": comparison_html(comparison, views)}
        for kind, text in texts.items():
            (partial / f"comparison.{kind}").write_text(text, encoding="utf-8", newline="\n")
        write_csv(partial / "comparison.csv", [_csv_row(entry) for entry in comparison.entries])
    return warnings


def is_comparison(folder: Path) -> bool:
    """Say whether a folder is one that `write_comparison` wrote, so that it may be replaced by another."""
    return {path.name for path in folder.iterdir()} - {VIEWS} == FILES


def _each(runs: list[str], values: list[str]) -> str:
    """Return a value a run in one line, once where all share it."""
    if len(set(values)) == 1:
        return values[0]
    return "; ".join(f"{run} {value}" for run, value in zip(runs, values, strict=True))


def _markdown_row(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(_escape(cell) for cell in cells) + " |"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _csv_row(entry: Entry) -> Row:
    difference = entry.difference
    return {
        "metric": entry.metric,
        "run": entry.run,
        "patients": entry.spread.patients,
        **_bounds("mean", entry.spread.mean),
        **_bounds("median", entry.spread.median),
        "pairs": difference.patients if difference else "",
        **_bounds("difference", difference.mean if difference else Interval(math.nan, math.nan, math.nan)),
        "p_wilcoxon": difference.p if difference else "",
        "p_holm": "" if entry.p_holm is None else entry.p_holm,
        "note": "; ".join(filter(None, _reasons(entry))),
    }


def _reasons(entry: Entry) -> tuple[str, ...]:
    """Return why a row has no interval or no p."""
    test = "" if entry.difference is None else why_no_test(entry.difference.patients)
    return why_no_interval(entry.spread.patients), test


def _bounds(name: str, interval: Interval) -> Row:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
