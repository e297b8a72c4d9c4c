"""A comparison of runs as one table: for the terminal, as Markdown, as CSV and as a page with drawings."""

import math
import os
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cipa.evaluation.comparison import Comparison, Entry
from cipa.evaluation.published import Row
from cipa.evaluation.statistics import Interval
from cipa.evaluation.tables import write_csv
from cipa.files import atomic_folder
from cipa.report.comparison_page import comparison_html
from cipa.report.comparison_text import COLUMNS, cells, notes, title

FILES = {"comparison.md", "comparison.html", "comparison.csv"}

WIDTH = 140
"""Columns of text that the table needs where runs have long names."""


def comparison_table(comparison: Comparison) -> RenderableType:
    """Return a row a score and run, the scores apart, for `rich.print`; it is about `WIDTH` wide."""
    heading = Text(title(comparison), style="bold")
    table = Table(title=heading, title_justify="left", header_style="bold", box=SIMPLE_HEAD)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in COLUMNS[:2] else "right", no_wrap=True)
    for entry in comparison.entries:
        is_last = entry.run == comparison.runs[-1]
        table.add_row(*map(Text, cells(comparison, entry)), end_section=is_last)
    return Group(table, *(Text(line) for line in notes(comparison)))


def comparison_markdown(comparison: Comparison) -> str:
    """Return the same table as GitHub-flavoured Markdown, with its notes below."""
    lines = [
        f"# {title(comparison)}",
        "",
        _markdown_row(COLUMNS),
        "|---|---|" + "---:|" * (len(COLUMNS) - 2),
        *(_markdown_row(cells(comparison, entry)) for entry in comparison.entries),
        "",
        *(f"- {_escaped(line)}" for line in notes(comparison)),
    ]
    return "\n".join(lines) + "\n"


def write_comparison(folder: str | os.PathLike[str], comparison: Comparison) -> None:
    """Write comparison.md, comparison.html and comparison.csv, the latter in fractions, mm and mL.

    Args:
        folder: where to; it appears when all are written, and replaces one that stood there.
        comparison: the runs.

    Raises:
        OSError: the folder cannot be written; what stood there stands there still.
    """
    with atomic_folder(folder) as partial:
        texts = {"md": comparison_markdown(comparison), "html": comparison_html(comparison)}
        for kind, text in texts.items():
            (partial / f"comparison.{kind}").write_text(text, encoding="utf-8", newline="\n")
        write_csv(partial / "comparison.csv", [_csv_row(entry) for entry in comparison.entries])


def is_comparison(folder: Path) -> bool:
    """Say whether a folder is one that `write_comparison` wrote, so that it may be replaced by another."""
    return {path.name for path in folder.iterdir()} == FILES


def _markdown_row(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
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
    }


def _bounds(name: str, interval: Interval) -> Row:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
