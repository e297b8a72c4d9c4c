"""How PET-CT is shown in reports: windows, colours, scale bars; one place, so that all pictures agree."""

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

SUV_TOP = 7.0
"""SUV shown black: PET is inverted grey from 0 to here in every picture, a usual window for FDG."""

LUNG_WINDOW = (-1350.0, 150.0)
"""HU shown black and white: centre -600, width 1500."""

OUTLINE, INK, QUIET = "#e6007e", "#1b1f24", "#667079"

FUSED_OPACITY = 0.62
"""Of PET over CT where uptake is `FUSED_FROM` or more; it fades to nothing at SUV 0."""

FUSED_FROM = 2.5

Extent = tuple[float, float, float, float]
"""Left, right, bottom and top of an image in millimetres, as matplotlib's `extent`."""


def show_ct(axes: Axes, hu: NDArray[Any], extent: Extent) -> None:
    """Show CT (H, W) in the lung window."""
    low, high = LUNG_WINDOW
    axes.imshow(hu, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="bilinear")


def show_pet(axes: Axes, suv: NDArray[Any], extent: Extent) -> None:
    """Show PET (H, W) in SUV, inverted grey."""
    axes.imshow(suv, cmap="gray_r", vmin=0, vmax=SUV_TOP, extent=extent, interpolation="bilinear")


def show_fused(axes: Axes, hu: NDArray[Any], suv: NDArray[Any], extent: Extent) -> None:
    """Show CT (H, W) with PET in colours over it, the more opaque the hotter."""
    show_ct(axes, hu, extent)
    colours = matplotlib.colormaps["hot"](np.clip(suv / SUV_TOP, 0, 1))
    colours[..., 3] = FUSED_OPACITY * np.clip(suv / FUSED_FROM, 0, 1)
    axes.imshow(colours, extent=extent, interpolation="bilinear")


def outline(axes: Axes, inside: NDArray[Any], extent: Extent, **style: Any) -> None:
    """Draw the edge of a mask (H, W), closed where it meets the image's border.

    Args:
        axes: where the image is shown with the same `extent`.
        inside: what is not 0 is inside.
        extent: of the image, rows from top to bottom.
        style: as `Axes.contour` takes it, in place of this module's.
    """
    if not np.any(inside):
        return
    left, right, bottom, top = extent
    rows, columns = inside.shape
    x = left + (np.arange(-1, columns + 1) + 0.5) * (right - left) / columns
    y = top + (np.arange(-1, rows + 1) + 0.5) * (bottom - top) / rows
    style = dict[str, Any](colors=[OUTLINE], linewidths=1.2) | style
    axes.contour(x, y, np.pad(inside.astype(bool), 1).astype(np.float32), levels=[0.5], **style)


def scale_bar(axes: Axes, millimetres: float, colour: str) -> None:
    """Draw a bar of so many millimetres at the lower right of an image whose axes are in millimetres."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    wide, high = abs(right - left), abs(top - bottom)
    end, level = right - 0.05 * wide, bottom + 0.05 * high * np.sign(top - bottom)
    halo = [withStroke(linewidth=3.2, foreground="black" if colour == "white" else "white")]
    axes.plot([end - millimetres, end], [level, level], color=colour, linewidth=2, path_effects=halo)
    axes.annotate(
        f"{millimetres:g} mm",
        (end - millimetres / 2, level),
        (0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=7,
        color=colour,
        path_effects=halo,
    )


def sides(axes: Axes, words: str, colour: str) -> None:
    """Write which side of the patient is left, right, top and bottom: `words` is as in "R L H F"."""
    places = {"left": (0.02, 0.5), "right": (0.98, 0.5), "top": (0.5, 0.98), "bottom": (0.5, 0.02)}
    halo = [withStroke(linewidth=2.4, foreground="black" if colour == "white" else "white")]
    for (side, place), word in zip(places.items(), words.split(), strict=True):
        axes.text(
            *place,
            word,
            transform=axes.transAxes,
            fontsize=8,
            color=colour,
            path_effects=halo,
            ha=side if side in ("left", "right") else "center",
            va=side if side in ("top", "bottom") else "center",
        )
