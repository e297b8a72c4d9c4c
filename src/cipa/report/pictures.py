"""The pictures of a study's report, as PNG files: MIP and a panel a lesion."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cipa.inference.result import Prediction
from cipa.parallel import processors
from cipa.report.lesion_panels import save_lesion_panel
from cipa.report.mip import save_mip

PICTURES = "pictures"

MOST_PANELS = 24
"""Lesions that get a panel, from the largest on: the table lists every one."""


@dataclass(frozen=True)
class Pictures:
    """Files of pictures.

    Attributes:
        mip: projections; None without PET.
        panels: a lesion each, in their order.
    """

    mip: Path | None
    panels: tuple[Path, ...]

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file, in the order of a report."""
        return (*([self.mip] if self.mip else ()), *self.panels)


def draw_pictures(prediction: Prediction, folder: Path) -> Pictures:
    """Draw mip.png, where there is PET, and lesion_01.png and so on, the `MOST_PANELS` largest lesions.

    Args:
        prediction: the study, segmented and measured.
        folder: where to; made if it is not there. A picture that is there already, drawn for another writer
            of the same result, is taken as it is.

    Raises:
        OSError: a file cannot be written; nothing is left half written under its name.
    """
    with ThreadPoolExecutor(processors()) as pool:
        mip = None
        if "pet" in prediction.inputs:
            mip = pool.submit(_draw, save_mip, folder / "mip.png", prediction, study_title(prediction))
        panels = [
            pool.submit(_draw, save_lesion_panel, folder / f"lesion_{one.number:02d}.png", prediction, one)
            for one in prediction.lesions[:MOST_PANELS]
        ]
    return Pictures(None if mip is None else mip.result(), tuple(panel.result() for panel in panels))


def study_title(prediction: Prediction) -> str:
    """Return what the head of a report calls the study."""
    return str(prediction.facts.get("study") or "study")


def _draw(draw: Callable[..., None], path: Path, *about: object) -> Path:
    """Draw a picture unless it is there, and return its path."""
    if not path.exists():
        draw(path, *about)
    return path
