"""A comparison of runs as one table: for the terminal, as Markdown and as CSV."""

import math
import os
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cipa.evaluation.comparison import Comparison, Entry
from cipa.evaluation.patient_tables import PROTOCOL
from cipa.evaluation.published import Row
from cipa.evaluation.statistics import Interval
from cipa.evaluation.tables import write_csv
from cipa.files import atomic_folder
from cipa.report.quantities import QUANTITIES, counted

POOLED = "pixels pooled within each patient, HD95 in pixels"

WIDTH = 140
"""Columns of text that the table needs where runs have long names."""

COLUMNS = ("score", "run", "mean [95 % interval]", "median", "patients", "difference", "p", "p (Holm)")


def comparison_table(comparison: Comparison) -> RenderableType:
    """Return a row a score and run, the scores apart, for `rich.print`; it is about `WIDTH` wide."""
    title = Text(_title(comparison), style="bold")
    table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in COLUMNS[:2] else "right", no_wrap=True)
    for entry in comparison.entries:
        is_last = entry.run == comparison.runs[-1]
        table.add_row(*map(Text, _cells(comparison, entry)), end_section=is_last)
    return Group(table, *(Text(line) for line in _notes(comparison)))


def comparison_markdown(comparison: Comparison) -> str:
    """Return the same table as GitHub-flavoured Markdown, with its notes below."""
    lines = [
        f"# {_title(comparison)}",
        "",
        _markdown_row(COLUMNS),
        "|---|---|" + "---:|" * (len(COLUMNS) - 2),
        *(_markdown_row(_cells(comparison, entry)) for entry in comparison.entries),
        "",
        *(f"- {_escaped(line)}" for line in _notes(comparison)),
    ]
    return "\n".join(lines) + "\n"


def write_comparison(folder: str | os.PathLike[str], comparison: Comparison) -> None:
    """Write comparison.md and comparison.csv; the latter in fractions, mm and mL, as the tables read.

    Args:
        folder: where to; it appears when both are written, and replaces one that stood there.
        comparison: the runs.

    Raises:
        OSError: the folder cannot be written; what stood there stands there still.
    """
    with atomic_folder(folder) as partial:
        text = comparison_markdown(comparison)
        (partial / "comparison.md").write_text(text, encoding="utf-8", newline="\n")
        write_csv(partial / "comparison.csv", [_csv_row(entry) for entry in comparison.entries])


def is_comparison(folder: Path) -> bool:
    """Say whether a folder is one that `write_comparison` wrote, so that it may be replaced by another."""
    return {path.name for path in folder.iterdir()} == {"comparison.md", "comparison.csv"}


def _title(comparison: Comparison) -> str:
    numbers = ((comparison.patients, "patient"), (comparison.slices, "slice"))
    return f"{len(comparison.runs)} runs, " + ", ".join(counted(*each) for each in numbers)


def _notes(comparison: Comparison) -> list[str]:
    protocol = PROTOCOL if comparison.is_3d else POOLED
    tolerance = f"; NSD at {comparison.tolerance:g} mm" if comparison.is_3d else ""
    return [
        f"protocol {protocol}{tolerance}",
        f"difference: mean over patients of run less {comparison.runs[0]}, with its 95 % bootstrap interval",
        "p: Wilcoxon signed-rank test on the patients' differences, two-sided; (Holm) corrects it for the "
        "number of runs, not of scores",
        *(
            f"{run}: nothing predicted of {', '.join(names)}"
            for run, names in comparison.missed.items()
            if names
        ),
        *(
            f"{run}: tumour predicted where there is none, of {', '.join(names)}"
            for run, names in comparison.unfounded.items()
            if names
        ),
    ]


def _cells(comparison: Comparison, entry: Entry) -> list[str]:
    quantity = QUANTITIES[entry.metric]
    label = quantity.label if entry.run == comparison.runs[0] else ""
    shown = [
        label,
        entry.run,
        quantity.interval(entry.spread.mean),
        quantity.value(entry.spread.median.value),
        str(entry.spread.patients),
    ]
    if entry.difference is None or entry.p_holm is None:
        return [*shown, "", "", ""]
    return [
        *shown,
        quantity.interval(entry.difference.mean, "+") + _pairs(comparison, entry.difference.patients),
        _p(entry.difference.p),
        _p(entry.p_holm),
    ]


def _pairs(comparison: Comparison, pairs: int) -> str:
    return f" ({pairs} pairs)" if 0 < pairs < comparison.patients else ""


def _p(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


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
