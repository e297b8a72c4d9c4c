"""A comparison of runs as one HTML file that needs nothing beside it: no script, no picture, no network."""

from collections.abc import Mapping

from cipa.evaluation.comparison import Comparison
from cipa.report.comparison_plots import box_plots, patient_plots
from cipa.report.comparison_text import COLUMNS, about_rows, cells, notes, title, verdict
from cipa.report.templates import render
from cipa.version import __version__


def comparison_html(comparison: Comparison, views: Mapping[str, str] | None = None) -> str:
    """Return what was compared, the table with its notes, and the drawings, as HTML.

    Args:
        comparison: the runs.
        views: file that shows a patient's images and masks, by patient, relative to the page.
    """
    return render(
        "comparison.html.j2",
        title=title(comparison),
        verdict=verdict(comparison),
        about=about_rows(comparison),
        runs=comparison.runs,
        columns=COLUMNS,
        rows=[cells(comparison, entry) for entry in comparison.entries],
        notes=notes(comparison),
        boxes=box_plots(comparison),
        has_boxes=comparison.has_intervals,
        views=views or {},
        patients=patient_plots(comparison),
        version=__version__,
    )
