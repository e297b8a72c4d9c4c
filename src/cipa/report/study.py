"""The report of one study: a self-contained HTML file, and its pictures as PNGs for slides."""

import os
from pathlib import Path

from cipa.files import atomic_file
from cipa.inference.result import DISCLAIMER, Prediction
from cipa.lesions.grown import REACH_MM, THRESHOLDS
from cipa.lesions.measure import Lesion
from cipa.report.examination import examination_entries, reference_entries
from cipa.report.facts import Row, fact_rows
from cipa.report.pictures import MOST_PANELS, PICTURES, draw_pictures, study_title
from cipa.report.positions import slice_z
from cipa.report.templates import or_dash, render, span
from cipa.report.volumes import volume_rows
from cipa.version import __version__

REPORT = "report.html"

INTERACTIVE = "view.html"
"""In the same folder, where it was asked for: the planes to scroll through, which the report links to."""


def write_study_report(prediction: Prediction, folder: str | os.PathLike[str]) -> Path:
    """Write the report of a study.

    FOLDER/report.html holds everything, pictures included, and needs no other file and no network.
    FOLDER/pictures/ holds mip.png, where there is PET, and lesion_01.png and so on, the `MOST_PANELS` largest
    lesions.

    Args:
        prediction: the study, segmented and measured.
        folder: where to; made if it is not there.

    Returns:
        The path of the HTML file.

    Raises:
        OSError: a file cannot be written; nothing is left half written under its name.
    """
    folder = Path(folder)
    pictures = draw_pictures(prediction, folder / PICTURES)
    link = INTERACTIVE if (folder / INTERACTIVE).exists() else ""
    page = render_page(prediction, study_title(prediction), pictures.mip, list(pictures.panels), link)
    with atomic_file(folder / REPORT) as partial:
        partial.write_text(page, encoding="utf-8", newline="\n")
    return folder / REPORT


def render_page(
    prediction: Prediction, study: str, mip: Path | None, panels: list[Path], link: str = ""
) -> str:
    """Return the page as HTML; whatever headers and file names hold is escaped."""
    return render(
        "study.html.j2",
        link=link,
        study=study,
        modalities={"ct": "CT", "pet": "PET"}.get(prediction.inputs, "PET-CT"),
        totals=_totals(prediction),
        lesions=prediction.lesions,
        left_out=prediction.left_out,
        axial_slices=len(prediction.axial(prediction.mask)),
        heights=[_heights(prediction, lesion) for lesion in prediction.lesions],
        warnings=prediction.warnings,
        examination=examination_entries(prediction.facts),
        references=reference_entries(prediction.facts),
        has_sul=any(lesion.sul_max is not None for lesion in prediction.lesions),
        sul_reason=(prediction.facts.get("sul") or {}).get("how", ""),
        volumes=volume_rows(prediction),
        thresholds=THRESHOLDS,
        reach_mm=f"{REACH_MM:g}",
        any_cut=any(one.is_cut for one in prediction.grown),
        by_network="mask" not in prediction.facts,
        outline="Mask" if "mask" in prediction.facts else "Network",
        facts=fact_rows(prediction.facts),
        mip=mip,
        panels=panels,
        disclaimer=DISCLAIMER,
        version=__version__,
    )


def _heights(prediction: Prediction, lesion: Lesion) -> str:
    """Return the z of a lesion's first and last axial slice, mm."""
    first, last = (slice_z(prediction, index) for index in lesion.slices)
    return span((first, last), " to ")


def _totals(prediction: Prediction) -> list[Row]:
    return [
        ("Lesions", str(prediction.lesion_count), ""),
        ("MTV" if "pet" in prediction.inputs else "Volume", f"{prediction.mtv_ml:.1f}", "mL"),
        ("TLG", or_dash(prediction.tlg), "SUV · mL"),
        ("SUVmax", or_dash(prediction.suv_max), ""),
        ("SUVpeak", or_dash(prediction.suv_peak), ""),
        ("SULpeak", or_dash(prediction.sul_peak), ""),
        ("Dmax", "–" if prediction.dmax_mm is None else f"{prediction.dmax_mm:.0f}", "mm"),
    ]


__all__ = ["INTERACTIVE", "MOST_PANELS", "PICTURES", "REPORT", "write_study_report"]
