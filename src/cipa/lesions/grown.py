"""Volumes by the thresholds that readers use, beside the network's: regions grown from a lesion.

A region holds the voxels of the CT's grid, PET interpolated linearly there, whose SUV is at least the
threshold and that are connected (26 neighbours) to voxels of the lesion which are so as well. It may leave
the lesion's outline, but

- only by `REACH_MM`, so that it does not flood into a heart, liver or kidney beside the lesion; where it
  would go on beyond, it is cut there and marked as such;
- never into another lesion, nor into voxels nearer to another one, so that no voxel counts twice and the
  volumes of all lesions add up.

41 % and 50 % of SUVmax: EANM procedure guidelines 2.0 (Boellaard et al., 2015). SUV 2.5 and 4.0: fixed
thresholds in use for lung cancer and for lymphoma.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from cipa.io.orientation import spacing
from cipa.lesions.suv_peak import Box

REACH_MM = 10.0
"""How far a region may leave the lesion's outline: one and a half times the blur of PET, FWHM 6 to 7 mm."""

NEIGHBOURS = np.ones((3, 3, 3), bool)

Edges = tuple[float, float, float]
Mask = npt.NDArray[np.bool_]
Uptake = Callable[[slice], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Threshold:
    """A threshold of SUV.

    Attributes:
        name: in names of columns.
        label: in words.
        part: of the lesion's SUVmax; None for a fixed SUV.
        suv: body-weight SUV; None for a part of SUVmax.
    """

    name: str
    label: str
    part: float | None = None
    suv: float | None = None

    def of(self, suv_max: float) -> float:
        """Return the SUV of the threshold for a lesion."""
        return self.part * suv_max if self.part is not None else float(self.suv or 0)


THRESHOLDS = (
    Threshold("41pct", "41 % of SUVmax", part=0.41),
    Threshold("50pct", "50 % of SUVmax", part=0.5),
    Threshold("suv2_5", "SUV 2.5", suv=2.5),
    Threshold("suv4", "SUV 4.0", suv=4.0),
)


@dataclass(frozen=True)
class GrownVolume:
    """What a threshold makes of a lesion.

    Attributes:
        volume_ml: of the region; 0 where no voxel of the lesion reaches the threshold.
        tlg: mean SUV of the region times its volume, SUV mL.
        is_cut: whether it went on beyond `REACH_MM` and was cut there.
    """

    volume_ml: float
    tlg: float
    is_cut: bool


def grow_lesion(
    names: npt.NDArray[np.generic],
    number: int,
    box: Box,
    uptake: Uptake,
    suv_max: float,
    world: npt.NDArray[np.float64],
) -> tuple[GrownVolume, ...]:
    """Grow a lesion by each of `THRESHOLDS`.

    Args:
        names: (S, H, W), numbers of the lesions on the axial stack.
        number: of the lesion.
        box: where it lies.
        uptake: gives SUV at a run of axial slices, float32 (n, H, W).
        suv_max: its SUVmax.
        world: (4, 4), indices of the stack to millimetres.

    Returns:
        A volume a threshold, in their order.
    """
    edges = spacing(world)
    wide = tuple(  # twice the reach: a lesion there may be nearer to a voxel within reach than this one
        slice(max(0, side.start - most), min(length, side.stop + most))
        for side, length, most in zip(
            box, names.shape, (int(np.ceil(2 * REACH_MM / edge)) for edge in edges), strict=True
        )
    )
    suv = uptake(wide[0])[:, *wide[1:]]
    limits = [threshold.of(suv_max) for threshold in THRESHOLDS]
    first = np.array([side.start for side in wide])
    own, free, beyond = _territory(names[wide], number, suv >= min(limits), first, edges)
    voxel_ml = float(abs(np.linalg.det(world[:3, :3]))) / 1000
    return tuple(_grow(suv, limit, own, free, beyond, voxel_ml) for limit in limits)


def _territory(
    names: npt.NDArray[Any], number: int, bright: Mask, first: npt.NDArray[np.intp], edges: Edges
) -> tuple[Mask, Mask, Mask]:
    """Return the lesion's voxels, those about it that it may grow into, and those next to them too far away.

    Voxels that are nearer to another lesion are none of them; of equally near ones the lower number has them.
    Distances are of the bright voxels only, and to the rims of lesions: a distance transform of the whole box
    takes many times as long where a lesion is large.

    Args:
        names: (s, h, w), numbers of the lesions in a box.
        number: of the lesion.
        bright: where SUV reaches the lowest threshold.
        first: (3,), the box's first voxel in the stack, so that every lesion sees the same distances.
        edges: mm between voxels.
    """
    own = names == number
    places = np.argwhere(bright & (names == 0))
    free, beyond = np.zeros_like(own), np.zeros_like(own)
    if not len(places):
        return own, free, beyond
    most = REACH_MM + float(np.linalg.norm(edges))  # a neighbour of what is within reach is no farther
    points = np.asarray((places + first) * edges, np.float64)
    apart = _distances(points, own, first, edges, most)
    is_own = apart <= most
    for lower, others in ((True, (names > 0) & (names < number)), (False, names > number)):
        if others.any():
            theirs = _distances(points, others, first, edges, most)
            is_own &= apart < theirs if lower else apart <= theirs
    near = apart <= REACH_MM
    free[tuple(places[is_own & near].T)] = True
    beyond[tuple(places[is_own & ~near].T)] = True
    return own, free, beyond


def _distances(
    points: npt.NDArray[np.float64], mask: Mask, first: npt.NDArray[np.intp], edges: Edges, most: float
) -> npt.NDArray[np.float64]:
    """Return how far points (n, 3), mm, are from the nearest voxel of a mask; infinity beyond `most`."""
    rim = np.argwhere(mask & ~ndimage.binary_erosion(mask, border_value=1))
    if not len(rim):  # the mask fills the box
        return np.full(len(points), np.inf)
    distances, _ = cKDTree((rim + first) * edges).query(points, distance_upper_bound=most)
    return np.asarray(distances)


def _grow(
    suv: npt.NDArray[np.float32], limit: float, own: Mask, free: Mask, beyond: Mask, voxel_ml: float
) -> GrownVolume:
    reaches = suv >= limit
    parts, count = ndimage.label((own | free) & reaches, NEIGHBOURS)
    is_kept = np.zeros(count + 1, bool)
    is_kept[parts[own & reaches]] = True
    is_kept[0] = False
    region = is_kept[parts]
    edge = beyond & reaches
    is_cut = bool(edge.any() and (ndimage.binary_dilation(region, NEIGHBOURS) & edge).any())
    values = suv[region]
    return GrownVolume(len(values) * voxel_ml, float(values.sum(dtype=np.float64)) * voxel_ml, is_cut)


def grown_row(volumes: Sequence[GrownVolume]) -> dict[str, Any]:
    """Return grown volumes as columns of a table, empty ones where there are none.

    Returns:
        `mtv_41pct_ml` and `tlg_41pct` and so on, and `cut_at_reach`: names of the thresholds whose region was
        cut, with spaces between.
    """
    row: dict[str, Any] = {}
    for index, threshold in enumerate(THRESHOLDS):
        found = volumes[index] if volumes else None
        row[f"mtv_{threshold.name}_ml"] = None if found is None else found.volume_ml
        row[f"tlg_{threshold.name}"] = None if found is None else found.tlg
    cut = [threshold.name for threshold, one in zip(THRESHOLDS, volumes, strict=False) if one.is_cut]
    return row | {"cut_at_reach": " ".join(cut) if volumes else None}


def add_grown(lesions: Sequence[Sequence[GrownVolume]]) -> tuple[GrownVolume, ...]:
    """Return the volumes of all lesions together; regions of several lesions share no voxel."""
    return tuple(
        GrownVolume(
            sum(one.volume_ml for one in each), sum(one.tlg for one in each), any(one.is_cut for one in each)
        )
        for each in zip(*lesions, strict=True)
    )


def cut_warnings(grown: dict[int, tuple[GrownVolume, ...]]) -> list[str]:
    """Say in a line which regions went on beyond their reach; no line where none did.

    Args:
        grown: what `grow_lesion` gave, by the lesion's number.
    """
    found = []
    for index, threshold in enumerate(THRESHOLDS):
        numbers = [str(number) for number, volumes in grown.items() if volumes[index].is_cut]
        if numbers:
            found.append(f"{threshold.label} (lesion {', '.join(numbers)})")
    if not found:
        return []
    return [
        f"volumes by threshold: some regions go on beyond {REACH_MM:g} mm from the outline and are cut there "
        f"(uptake beside the lesion, or an outline too small): {'; '.join(found)}"
    ]
