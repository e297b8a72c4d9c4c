"""The scores of a set of patients as text for the terminal: means and medians with their intervals."""

from rich.console import Group, RenderableType
from rich.text import Text

from cipa.evaluation.patient import METRICS, PatientResult
from cipa.evaluation.patient_tables import PER_PATIENT_3D, PROTOCOL, note_on
from cipa.evaluation.published import TUMOUR_ALONE_SCORED
from cipa.evaluation.statistics import why_no_interval
from cipa.report.fitted_table import FittedTable
from cipa.report.quantities import QUANTITIES, Quantity
from cipa.text import plural

COLUMNS = ("per patient, 3-D:", "mean [95 % interval]", "median [95 % interval]", "n")

SHOWN = 5
"""Patients named at most in a remark; summary.json names every one."""


def patient_scores_table(result: PatientResult, title: str = "") -> RenderableType:
    """Return a row a metric: mean and median over patients, each with its 95 % interval.

    Args:
        result: the scores.
        title: what was scored.

    Returns:
        Something `rich.print` shows: the table, the protocol, and by name the patients whose scores are by
        convention or left out.
    """
    rows = []
    for metric in METRICS:
        quantity, spread = QUANTITIES[metric], result.spreads[metric]
        shown = (quantity.interval(spread.mean), quantity.interval(spread.median))
        rows.append((_label(quantity, metric, result), *shown, str(spread.patients)))
    heading = [Text(title, style="bold")] if title else []
    return Group(*heading, FittedTable(COLUMNS, rows, right=True), *map(Text, _remarks(result)))


def _label(quantity: Quantity, metric: str, result: PatientResult) -> str:
    name = f"{quantity.label} at {result.tolerance:g} mm" if metric == "nsd" else quantity.label
    return f"{name} *" if note_on(result, metric) else name


def _remarks(result: PatientResult) -> list[str]:
    slices = sum(row["slices"] for row in result.patients)
    lines = [f"protocol {PROTOCOL}; {plural(slices, 'slice')}, {plural(len(result.patients), 'patient')}"]
    spacings = {tuple(row[f"spacing_{axis}_mm"] for axis in "xyz") for row in result.patients}
    shown = " x ".join(f"{step:g}" for step in min(spacings))
    if len(spacings) == 1:
        lines.append(f"voxels {shown} mm (x, y, z)")
    else:
        lines.append(
            f"{len(spacings)} voxel sizes, each patient scored in its own: {PER_PATIENT_3D} has them"
        )
    counts = [spread.patients for spread in result.spreads.values() if spread.patients]
    lines += filter(None, [why_no_interval(min(counts, default=0))])
    if result.has_tumour_alone:
        lines.append(f"* {TUMOUR_ALONE_SCORED}")
    gaps = [row["patient"] for row in result.patients if row["gaps"]]
    for names, meaning in (
        (result.of_case("missed"), "missed, nothing predicted: Dice 0, HD95 the diagonal of the stack"),
        (result.of_case("unfounded"), "without tumour, some predicted: Dice 0, HD95 the diagonal"),
        (result.of_case("empty"), "without tumour, none predicted: Dice 1, HD95 0"),
        (gaps, "with missing slice numbers: taken as slices without tumour"),
    ):
        if names:
            lines.append(f"{len(names)} {meaning}: {_name_some(names)}")
    return lines


def _name_some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
