"""The report of a study as a PDF of A4 pages: totals, lesions and warnings in words, then the pictures.

Made by matplotlib, which the other plots need anyway: a converter of HTML brings a browser or 40 MB of
libraries. Words are text with its fonts embedded (Type 42), so that they can be searched and copied.
"""

import textwrap
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from cipa import __version__
from cipa.inference.result import DISCLAIMER, Prediction
from cipa.report.pictures import Pictures, study_title
from cipa.report.templates import or_dash

if TYPE_CHECKING:
    from matplotlib.figure import Figure

A4_INCHES = (8.27, 11.69)
LEFT, RIGHT, TOP, BOTTOM = 0.08, 0.92, 0.95, 0.06
LINE = 0.0165
"""Height of a line of 9 points, in pages."""

COLUMNS = ("", "mL", "SUVmax", "SUVmean", "SUVpeak", "TLG", "axial slices", "centre x, y, z mm (LPS)")
PLACES = (0.08, 0.19, 0.29, 0.39, 0.49, 0.58, 0.70, 0.92)
"""Right edges of the columns, in page widths."""

SETTINGS: Any = {"pdf.fonttype": 42, "font.family": "DejaVu Sans"}

LETTERS = 100
"""Of a line of warnings."""


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
    totals = prediction.totals()
    parts = (
        f"Lesions {totals['lesions']}",
        f"MTV {totals['mtv_ml']:.1f} mL",
        f"TLG {or_dash(totals['tlg'])}",
        f"SUVmax {or_dash(totals['suv_max'])}",
        f"SUVpeak {or_dash(totals['suv_peak'])}",
    )
    pages.line((LEFT, "    ".join(parts)), size=11, bold=True)
    pages.line()
    if prediction.lesions:
        pages.line(*zip((PLACES[0] + 0.03, *PLACES[1:]), COLUMNS, strict=True), right=True, bold=True)
    for lesion in prediction.lesions:
        suvs = (lesion.suv_max, lesion.suv_mean, lesion.suv_peak, lesion.tlg)
        first, last = (index + 1 for index in lesion.slices)
        cells = (
            str(lesion.number),
            f"{lesion.volume_ml:.2f}",
            *map(or_dash, suvs),
            str(first) if first == last else f"{first}–{last}",
            ", ".join(f"{part:.0f}" for part in lesion.centroid_mm),
        )
        pages.line(*zip((PLACES[0] + 0.03, *PLACES[1:]), cells, strict=True), right=True)
    pages.line()
    for warning in prediction.warnings:
        for number, words in enumerate(textwrap.wrap(warning, LETTERS)):
            pages.line((LEFT, ("• " if number == 0 else "   ") + words), size=8)
    pages.line()


__all__ = ["make_pdf"]
