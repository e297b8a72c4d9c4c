"""The report of a study as a PDF of A4 pages: words and tables, the pictures, and room for the reader.

Made by matplotlib, which the other plots need anyway: a converter of HTML brings a browser or 40 MB of
libraries. Words are text with its fonts embedded (Type 42), so that they can be searched and copied.
"""

import textwrap
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from cipa import __version__
from cipa.inference.result import DISCLAIMER, Prediction
from cipa.lesions.grown import REACH_MM, THRESHOLDS
from cipa.lesions.measure import Lesion
from cipa.report.examination import examination_entries, reference_entries
from cipa.report.pictures import Pictures, study_title
from cipa.report.templates import or_dash, span
from cipa.report.volumes import CUT, volume_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

A4_INCHES = (8.27, 11.69)
LEFT, RIGHT, TOP, BOTTOM = 0.08, 0.92, 0.95, 0.06
LINE = 0.0165
"""Height of a line of 9 points, in pages."""

Column = tuple[str, float]
"""Heading, and its right edge in page widths."""

UPTAKE: tuple[Column, ...] = (
    ("", 0.10),
    ("side", 0.19),
    ("mL", 0.27),
    ("longest mm", 0.38),
    ("SUVmax", 0.47),
    ("mean", 0.53),
    ("peak", 0.59),
    ("SULmax", 0.68),
    ("mean", 0.74),
    ("peak", 0.80),
    ("TLG", 0.88),
)
PLACE: tuple[Column, ...] = (
    ("", 0.10),
    ("centroid x, y, z mm (LPS)", 0.38),
    ("axial slices", 0.53),
    ("CT images", 0.68),
    ("z mm", 0.88),
)
THRESHOLD_EDGES = (0.10, 0.27, 0.43, 0.59, 0.74, 0.88)

COMMENT = 0.47
"""Where the line for a reader's comment begins."""

SETTINGS: Any = {"pdf.fonttype": 42, "font.family": "DejaVu Sans"}

LETTERS = 100
"""Of a line of warnings."""

VALUE, VALUE_LETTERS = 0.34, 84
"""Where the value of an entry begins, and the letters of its line."""


def make_pdf(prediction: Prediction, pictures: Pictures) -> bytes:
    """Return the report as PDF.

    Args:
        prediction: the study, segmented and measured; nothing of it names the patient.
        pictures: of it.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages

    target = BytesIO()
    about = {"Title": f"CIPA report: {study_title(prediction)}", "Creator": f"CIPA {__version__}"}
    with rc_context(SETTINGS), PdfPages(target, metadata=about) as pdf:
        pages = _Pages(study_title(prediction))
        _write_words(pages, prediction)
        for picture in pictures.all:
            pages.picture(picture)
        _write_decision(pages, prediction)
        for figure in pages.figures:
            pdf.savefig(figure)
    return target.getvalue()


class _Pages:
    """Pages filled from the top down; what does not fit begins the next one."""

    def __init__(self, title: str) -> None:
        self.title, self.figures = title, list["Figure"]()
        self.turn()

    def turn(self) -> None:
        """Begin a page."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=A4_INCHES)
        self.figures.append(figure)
        figure.text(LEFT, TOP, f"PET-CT tumour report: {self.title}", size=13, weight="bold")
        note = f"{DISCLAIMER}  CIPA {__version__}, page {len(self.figures)}"
        figure.text(LEFT, BOTTOM - 2 * LINE, note, size=7.5, color="0.35")
        self.height = TOP - 2 * LINE

    def line(
        self, *parts: tuple[float, str], size: float = 9, right: bool = False, bold: bool = False
    ) -> None:
        """Write words at places across the page."""
        if self.height - LINE < BOTTOM:
            self.turn()
        self.height -= LINE * size / 9
        for x, words in parts:
            align, weight = "right" if right else "left", "bold" if bold else "normal"
            self.figures[-1].text(x, self.height, words, size=size, ha=align, weight=weight, parse_math=False)

    def entry(self, name: str, value: str) -> None:
        """Write a name and its value, over several lines where it is long."""
        for number, words in enumerate(textwrap.wrap(value, VALUE_LETTERS) or [""]):
            self.line((LEFT, "" if number else name), (VALUE, words), size=8.5)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """Write a table, its headings again on every page, and an empty line."""
        edges = [edge for _, edge in columns]
        headings = [(edge, name) for name, edge in columns]
        self.line(*headings, size=8, right=True, bold=True)
        for row in rows:
            if self.height - LINE < BOTTOM:
                self.turn()
                self.line(*headings, size=8, right=True, bold=True)
            self.line(*zip(edges, row, strict=True), size=8.5, right=True)
        self.line()

    def choice(self, name: str, *answers: str) -> None:
        """Write a name, boxes to tick, and a line to write on."""
        self.line()
        self.line((LEFT, name), (0.27, "   ".join(f"☐ {answer}" for answer in answers)))
        self.rule(COMMENT, RIGHT)

    def blanks(self, *names: str) -> None:
        """Leave a row of lines to write on."""
        if self.height - 4 * LINE < BOTTOM:
            self.turn()
        self.height -= 2.5 * LINE
        wide = (RIGHT - LEFT) / len(names)
        self.line(*((LEFT + wide * place, name) for place, name in enumerate(names)), size=8)
        for place in range(len(names)):
            self.rule(LEFT + wide * place + 0.07, LEFT + wide * (place + 1) - 0.02)

    def rule(self, left: float, right: float) -> None:
        """Draw a line under the words written last."""
        from matplotlib.lines import Line2D

        level = self.height - 0.25 * LINE
        self.figures[-1].add_artist(Line2D([left, right], [level, level], color="0.4", linewidth=0.6))

    def picture(self, path: Path) -> None:
        """Show a picture across the page."""
        with Image.open(path) as image:
            shown = image.convert("RGB")
        width = RIGHT - LEFT
        height = width * A4_INCHES[0] / A4_INCHES[1] * shown.height / shown.width
        if self.height - height < BOTTOM:
            self.turn()
        self.height -= height
        axes = self.figures[-1].add_axes((LEFT, self.height, width, height))
        axes.imshow(shown, interpolation="none", aspect="auto")
        axes.set_axis_off()
        self.height -= LINE


def _write_words(pages: _Pages, prediction: Prediction) -> None:
    """Write all but the pictures and the reader's decision."""
    for name, value in examination_entries(prediction.facts):
        pages.entry(name, value)
    pages.line()
    totals = prediction.totals()
    parts = [f"Lesions {totals['lesions']}", f"MTV {totals['mtv_ml']:.1f} mL"]
    for name in ("TLG", "SUVmax", "SUVpeak", "SULpeak"):
        parts.append(f"{name} {or_dash(totals[KEYS[name]])}")
    dmax = totals["dmax_mm"]
    parts.append("" if dmax is None else f"Dmax {dmax:.0f} mm")
    pages.line((LEFT, "   ".join(parts)), size=9.5, bold=True)
    pages.line()
    for warning in prediction.warnings:
        for number, words in enumerate(textwrap.wrap(warning, LETTERS)):
            pages.line((LEFT, ("• " if number == 0 else "   ") + words), size=8)
    pages.line()
    if prediction.lesions:
        _write_tables(pages, prediction)
    if "pet" in prediction.inputs:
        for name, value in reference_entries(prediction.facts):
            pages.entry(name, value)
    pages.line()


def _write_tables(pages: _Pages, prediction: Prediction) -> None:
    lesions = prediction.lesions
    pages.table(UPTAKE, [_uptake_cells(lesion) for lesion in lesions])
    pages.table(PLACE, [_place_cells(lesion) for lesion in lesions])
    rows = volume_rows(prediction)
    if not rows:
        return
    headings = ("", "outline", *(threshold.label for threshold in THRESHOLDS))
    columns = tuple(zip(headings, THRESHOLD_EDGES, strict=True))
    pages.line((LEFT, "Volume / TLG by threshold, mL / SUV mL"), size=9)
    pages.table(columns, [(number, own, *cells) for number, own, cells in rows])
    if any(one.is_cut for one in prediction.grown):
        pages.line((LEFT, f"{CUT} goes on beyond {REACH_MM:g} mm from the outline and is cut there"), size=8)
        pages.line()


def _uptake_cells(lesion: Lesion) -> tuple[str, ...]:
    longest = lesion.longest_axial_mm
    suvs = (lesion.suv_max, lesion.suv_mean, lesion.suv_peak)
    suls = (lesion.sul_max, lesion.sul_mean, lesion.sul_peak)
    return (
        str(lesion.number),
        lesion.side or "–",
        f"{lesion.volume_ml:.2f}",
        "–" if longest is None else f"{longest:.0f}",
        *map(or_dash, (*suvs, *suls, lesion.tlg)),
    )


def _place_cells(lesion: Lesion) -> tuple[str, ...]:
    first, last = lesion.slices
    return (
        str(lesion.number),
        ", ".join(f"{part:.0f}" for part in lesion.centroid_mm),
        span((first + 1, last + 1)),
        span(lesion.ct_instances),
        span(lesion.z_mm, " to "),
    )


def _write_decision(pages: _Pages, prediction: Prediction) -> None:
    """Leave room for the reader: a line a lesion, name, date and signature."""
    pages.line()
    pages.line((LEFT, "Reader's decision"), size=11, bold=True)
    for lesion in prediction.lesions:
        pages.choice(f"Lesion {lesion.number}, {lesion.volume_ml:.1f} mL", "agree", "disagree")
    pages.choice("Missed", "none", "some")
    pages.blanks("Name", "Date", "Signature")


KEYS = {"TLG": "tlg", "SUVmax": "suv_max", "SUVpeak": "suv_peak", "SULpeak": "sul_peak"}
"""Of `Prediction.totals`, by what a page calls them."""

__all__ = ["make_pdf"]
