"""Volumes as text in an HTML file: fewer voxels and grey values, differences in a row, gzip, base64."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from cipa.io.orientation import spacing
from cipa.io.volume import Volume
from cipa.view.page_order import PageGrid, nifti_head, page_grid, page_order

EDGES_MM = (0.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""Edges that voxels are averaged to, the finest first; 0 leaves them as they are."""

HU_OF_STEPS = ((0, -1024.0), (80, -200.0), (230, 300.0), (255, 1500.0))
"""How 256 steps of grey lie over HU: 10 HU apart in lung, 3.3 in soft tissue, 48 in bone."""

FINEST_SUV = 0.01
"""SUV that a step of PET is, unless 65,535 of them do not reach its highest."""

SAMPLED = 8
"""Every so many slices are packed to estimate the size of all."""


@dataclass(frozen=True)
class Embedded:
    """A volume as the page unpacks it (`embedded.js`).

    Attributes:
        grid: its own, in the page's order.
        head: of the NIfTI file that it becomes.
        packed: gzip of its steps.
        width: bytes a step, 1 or 2.
        table: int16 value of each of 256 steps; empty where a step is the value.
    """

    grid: PageGrid
    head: bytes
    packed: bytes
    width: int
    table: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Characters of its text."""
        return 4 * -(-len(self.packed) // 3)

    def as_dict(self) -> dict[str, Any]:
        """Return all but the bytes, in types that JSON knows."""
        head = base64.b64encode(self.head).decode()
        return {"head": head, "shape": list(self.grid.shape), "width": self.width, "table": list(self.table)}

    def text(self) -> str:
        """Return the bytes as base64."""
        return base64.b64encode(self.packed).decode()


def embed_ct(ct: Volume, edge_mm: float) -> Embedded:
    """Embed CT in 256 steps (`HU_OF_STEPS`)."""
    steps, grid = _ct_steps(ct, edge_mm)
    table = np.rint(np.interp(np.arange(256), *_curve()))
    values = tuple(int(value) for value in table)
    return Embedded(grid, nifti_head(grid, np.dtype("<i2")), _pack(steps), 1, values)


def embed_pet(pet: Volume, edge_mm: float) -> Embedded:
    """Embed PET in steps of `FINEST_SUV`, or of what 65,535 of them need; what is below 0 becomes 0."""
    suv, grid = _shrink(pet, edge_mm)
    step = max(FINEST_SUV, float(suv.max(initial=0)) / 65_535)
    steps = np.rint(np.clip(suv, 0, None) / step).astype("<u2")
    return Embedded(grid, nifti_head(grid, np.dtype("<u2"), step), _pack(steps), 2)


def embed_labels(labels: npt.NDArray[np.generic], like: Volume) -> Embedded:
    """Embed numbers of lesions, 255 at most, every voxel of them.

    Args:
        labels: on the grid of `like`.
        like: the CT.
    """
    grid = page_grid(labels.shape, like.affine)
    steps = page_order(labels, like.affine).astype(np.uint8)
    return Embedded(grid, nifti_head(grid, np.dtype("u1")), _pack(steps), 1)


def choose_edge(volumes: Sequence[Volume], room: int) -> float:
    """Return the finest of `EDGES_MM` at which volumes, the CT first, are estimated to fit.

    Args:
        volumes: CT, and PET where there is one.
        room: characters of base64.
    """
    for edge in EDGES_MM[:-1]:
        parts = [_ct_steps(volumes[0], edge)[0], *(_pet_sample(pet, edge) for pet in volumes[1:])]
        packed = sum(SAMPLED * len(_pack(part[::SAMPLED])) for part in parts)
        if packed * 4 / 3 <= room:
            return edge
    return EDGES_MM[-1]


def _pet_sample(pet: Volume, edge_mm: float) -> npt.NDArray[np.generic]:
    return np.rint(np.clip(_shrink(pet, edge_mm)[0], 0, 650) / FINEST_SUV).astype("<u2")


def _ct_steps(ct: Volume, edge_mm: float) -> tuple[npt.NDArray[np.uint8], PageGrid]:
    hu, grid = _shrink(ct, edge_mm)
    steps, values = _curve()
    curve = np.rint(np.interp(np.arange(-1024, 1501), values, steps)).astype(np.uint8)
    return curve[np.clip(np.rint(hu), -1024, 1500).astype(np.int32) + 1024], grid


def _curve() -> tuple[list[float], list[float]]:
    return [float(step) for step, _ in HU_OF_STEPS], [hu for _, hu in HU_OF_STEPS]


def _shrink(volume: Volume, edge_mm: float) -> tuple[npt.NDArray[np.float32], PageGrid]:
    """Return (z, y, x), means over blocks whose edges come closest to the one asked for, and its grid."""
    view, grid = page_order(volume.array, volume.affine), page_grid(volume.shape, volume.affine)
    factors = [max(1, round(edge_mm / edge)) for edge in spacing(grid.affine)]
    shape = tuple(-(-count // factor) for count, factor in zip(grid.shape, factors, strict=True))
    means = np.zeros(shape[::-1], np.float32)
    fx, fy, fz = factors
    for target, first in zip(means, range(0, len(view), fz), strict=True):
        slab = view[first : first + fz].astype(np.float32).mean(axis=0)
        slab = np.pad(slab, ((0, -slab.shape[0] % fy), (0, -slab.shape[1] % fx)), mode="edge")
        target[...] = slab.reshape(shape[1], fy, shape[0], fx).mean(axis=(1, 3))
    scale = np.diag([*map(float, factors), 1.0])
    scale[:3, 3] = [(factor - 1) / 2 for factor in factors]
    return means, PageGrid((shape[0], shape[1], shape[2]), grid.affine @ scale)


def _pack(steps: npt.NDArray[Any]) -> bytes:
    """Pack each voxel's difference to the one before it in its row, low bytes first, then high ones."""
    differences = steps.copy()
    differences[..., 1:] -= steps[..., :-1]  # modulo 256 or 65,536, which adding up takes back
    raw = differences.view(np.uint8).reshape(-1, steps.dtype.itemsize)
    return bytes(isal_zlib.compress(np.ascontiguousarray(raw.T), 3, 31))
