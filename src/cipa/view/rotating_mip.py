"""The rotating maximum intensity projection of PET: frames that turn about the head-foot axis.

Drawing volumes in the browser takes seconds a frame where no graphics card helps; a frame here takes some
tens of milliseconds, once.
"""

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.sparse import csr_array

from cipa.io.orientation import spacing
from cipa.io.volume import Volume
from cipa.report.pet_style import pet_picture
from cipa.view.page_order import page_grid, page_order

FRAMES = 48
"""Every 7.5 degrees: a turn in four seconds at 12 frames a second."""

FINEST_MM = 3.0
"""Rays are no closer: PET blurs by 5 mm."""

FINER = 2
"""Pixels of a frame between two rays, interpolated: a browser that enlarges the frame shows no blocks."""

BODY_SUV = 0.25
"""What is colder all along the head-foot axis is air around the patient."""

SLAB = 64
"""Axial slices turned at a time."""


@dataclass(frozen=True)
class MipView:
    """How the frames lie in the patient.

    Attributes:
        width: pixels across.
        height: pixels from head to foot.
        pixel_mm: edge of a pixel.
        centre_mm: x and y of the axis, RAS.
        top_mm: z of the upper edge.
    """

    width: int
    height: int
    pixel_mm: float
    centre_mm: tuple[float, float]
    top_mm: float

    def as_dict(self) -> dict[str, object]:
        """Return it as the page is told."""
        return {
            "count": FRAMES,
            "width": self.width,
            "height": self.height,
            "pixel_mm": self.pixel_mm,
            "centre_mm": list(self.centre_mm),
            "top_mm": self.top_mm,
            "degrees": [360 * number / FRAMES for number in range(FRAMES)],
        }


def mip_view(pet: Volume) -> MipView:
    """Decide what the frames show of a PET: the patient, from whatever side."""
    view, grid = page_order(pet.array, pet.affine), page_grid(pet.shape, pet.affine)
    x_mm, y_mm, z_mm = spacing(grid.affine)
    warm = view.max(axis=0) > BODY_SUV
    if not warm.any():
        warm[:] = True
    rows, columns = (np.flatnonzero(warm.any(axis=axis)) for axis in (1, 0))
    wide, deep = (columns[-1] - columns[0] + 1) * x_mm, (rows[-1] - rows[0] + 1) * y_mm
    pixel = max(x_mm, y_mm, FINEST_MM) / FINER
    centre = grid.affine @ [(columns[0] + columns[-1]) / 2, (rows[0] + rows[-1]) / 2, len(view) - 0.5, 1]
    return MipView(
        width=FINER * int(np.ceil(np.hypot(wide, deep) / (FINER * pixel))),
        height=max(1, round(len(view) * z_mm / pixel)),
        pixel_mm=pixel,
        centre_mm=(float(centre[0]), float(centre[1])),
        top_mm=float(centre[2]),
    )


def mip_frame(pet: Volume, number: int, view: MipView | None = None) -> bytes:
    """Draw one frame.

    Args:
        pet: SUV.
        number: 0 to `FRAMES` - 1; 0 from the front, then from the patient's left.
        view: as `mip_view` gives it.

    Returns:
        PNG, 8-bit grey, inverted: SUV 0 white.
    """
    view = view or mip_view(pet)
    suv = _project(pet, view, 2 * np.pi * number / FRAMES)
    picture = Image.fromarray(pet_picture(suv[::-1], (view.width, view.height)))
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _project(pet: Volume, view: MipView, angle: float) -> npt.NDArray[np.float32]:
    """Return (S, rays), the highest SUV behind each pixel, from feet to head."""
    stack, grid = page_order(pet.array, pet.affine), page_grid(pet.shape, pet.affine)
    turn = _turning(view, angle, grid.affine, (stack.shape[1], stack.shape[2]))
    parts = []
    for first in range(0, len(stack), SLAB):
        slab = stack[first : first + SLAB].astype(np.float32).reshape(len(stack[first : first + SLAB]), -1)
        turned = turn @ np.ascontiguousarray(slab.T)
        rays = view.width // FINER
        parts.append(turned.reshape(rays, rays, -1).max(axis=0).T)
    return np.concatenate(parts)


def _turning(
    view: MipView, angle: float, affine: npt.NDArray[np.float64], shape: tuple[int, int]
) -> csr_array:
    """Return (rays * rays, rows * columns): linear weights of a slice's pixels at depths along rays."""
    rays = view.width // FINER
    steps = (np.arange(rays) - (rays - 1) / 2) * FINER * view.pixel_mm
    depth, across = np.meshgrid(steps, steps, indexing="ij")
    x = view.centre_mm[0] - across * np.cos(angle) - depth * np.sin(angle)
    y = view.centre_mm[1] - across * np.sin(angle) + depth * np.cos(angle)
    inverse = np.linalg.inv(affine[np.ix_([0, 1], [0, 1])])
    column, row = inverse @ (np.stack([x.ravel(), y.ravel()]) - affine[:2, 3:4])
    rows, columns = shape
    cells, pixels, weights = [], [], []
    for row_part, row_weight in _neighbours(row, rows):
        for column_part, column_weight in _neighbours(column, columns):
            there = np.flatnonzero((row_weight * column_weight) > 0)
            cells.append(there)
            pixels.append(row_part[there] * columns + column_part[there])
            weights.append((row_weight * column_weight)[there])
    entries = np.concatenate(weights).astype(np.float32), (np.concatenate(cells), np.concatenate(pixels))
    return csr_array(entries, shape=(rays**2, rows * columns))


def _neighbours(
    place: npt.NDArray[np.float64], length: int
) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]]:
    """Return the indices below and above each place along an axis with their weights, 0 outside."""
    low = np.floor(place).astype(np.intp)
    part = place - low
    found = []
    for index, weight in ((low, 1 - part), (low + 1, part)):
        inside = (index >= 0) & (index < length)
        found.append((np.clip(index, 0, length - 1), weight * inside))
    return found
