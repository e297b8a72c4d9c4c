"""What `cipa predict` prints: a line a study, its lesions, its warnings."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cipa.cli.terminal import warn
from cipa.text import plural, printable

if TYPE_CHECKING:
    from cipa.inference.batch import Outcome

MOST_ROWS = 20
"""Lesions shown on the terminal; all are in lesions.csv."""

COLUMNS = {
    "mL": "volume_ml",
    "SUVmax": "suv_max",
    "SUVmean": "suv_mean",
    "SUVpeak": "suv_peak",
    "SULpeak": "sul_peak",
    "TLG": "tlg",
}

DISCLAIMER = "Research software, not a medical device."


def outcome_line(outcome: "Outcome") -> str:
    """Return what became of a study in a line."""
    if outcome.totals is None:
        return printable(f"{outcome.study}: failed: {outcome.error}")
    when = f"{outcome.seconds:.1f} s" if outcome.state == "done" else "finished before"
    warnings = f", {plural(len(outcome.warnings), 'warning')}" if outcome.warnings else ""
    return f"{printable(outcome.study)}: {totals_line(outcome.totals)}, {when}{warnings}"


def totals_line(totals: dict[str, Any]) -> str:
    """Return a patient's row of numbers in words."""
    if not totals["lesions"]:
        return "no lesion"
    lesions = plural(totals["lesions"], "lesion")
    if totals["suv_max"] is None:
        return f"{lesions}, {totals['mtv_ml']:.2f} mL"
    return (
        f"{lesions}, MTV {totals['mtv_ml']:.2f} mL, TLG {totals['tlg']:.1f}, SUVmax {totals['suv_max']:.2f}"
    )


def print_warnings(lines: tuple[str, ...]) -> None:
    """Print the warnings of a study."""
    for line in lines:
        warn(line)


def print_lesions(out: Path) -> None:
    """Print the lesions of the result in a study's folder as a table, the `MOST_ROWS` largest."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from cipa.inference.save import read_result

    found = read_result(out) or {"lesions": [], "facts": {}}
    rows, facts = found["lesions"], found["facts"]
    if not rows:
        return
    has_sul = any(row.get("sul_peak") is not None for row in rows)
    columns = {name: key for name, key in COLUMNS.items() if has_sul or key != "sul_peak"}
    table = Table(title="lesions, largest first", title_justify="left")
    for name in ("", *columns, "slices"):
        table.add_column(name, justify="right")
    for row in rows[:MOST_ROWS]:
        cells = ("-" if row[key] is None else f"{row[key]:.2f}" for key in columns.values())
        table.add_row(str(row["number"]), *cells, f"{row['first_slice'] + 1}-{row['last_slice'] + 1}")
    console = Console(highlight=False)
    console.print(table)
    if len(rows) > MOST_ROWS:
        console.print(f"and {len(rows) - MOST_ROWS} more in lesions.csv")
    if facts.get("examination") and not has_sul:
        console.print(Text(facts["sul"]["how"]))
