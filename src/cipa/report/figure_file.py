"""Figures as PNG files."""

import os

from matplotlib.figure import Figure

from cipa.files import atomic_file
from cipa.report.canvas import COMPRESSION


def save_figure(path: str | os.PathLike[str], figure: Figure, dpi: int) -> None:
    """Write a figure as PNG in its own background, whole or not at all.

    Raises:
        OSError: the file cannot be written; nothing is left under its name.
    """
    with atomic_file(path) as partial:
        figure.savefig(
            partial,
            format="png",
            dpi=dpi,
            facecolor=figure.get_facecolor(),
            pil_kwargs={"compress_level": COMPRESSION},
        )
