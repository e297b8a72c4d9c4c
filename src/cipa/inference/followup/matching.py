"""Which lesions of two aligned studies are the same: one, merged, split, new or vanished.

Two lesions belong together where a tenth of the smaller one lies in the other; those that are left, where
their centres are nearest and not too far apart. Whatever hangs together so is one match.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cipa.inference.result import Prediction
from cipa.io.volume import Volume

Kind = Literal["same", "merged", "split", "several", "new", "vanished", "not covered"]

LEAST_SHARE = 0.1
"""Of the smaller of two lesions that lies in the other: of less, alignment cannot tell whether they touch."""

NEAREST_MM = 15.0
"""Between the centres of lesions that do not overlap and may yet be one: breathing moves the lung so far."""


@dataclass(frozen=True)
class Match:
    """Lesions of two times that are taken as one.

    Attributes:
        kind: `same` (one and one), `merged`, `split`, `several` (some and some), `new`, `vanished`, or
            `not covered`, where the other study does not reach.
        before: numbers of the lesions of the first study.
        after: numbers of the lesions of the second.
        distance_mm: between the centres of one and one; None of others.
        is_by_overlap: whether they overlap, and are not only near.
    """

    kind: Kind
    before: tuple[int, ...]
    after: tuple[int, ...]
    distance_mm: float | None = None
    is_by_overlap: bool = True


def match_lesions(
    before: Prediction,
    after: Prediction,
    matrix: npt.NDArray[np.float64],
    nearest_mm: float = NEAREST_MM,
) -> list[Match]:
    """Match the lesions of two studies.

    Args:
        before: the first.
        after: the second.
        matrix: (4, 4), RAS millimetres of the first to those of the second.
        nearest_mm: farthest that the centres of lesions may lie apart that do not overlap.

    Returns:
        Every lesion of both once, by the lowest number of the first study, then of the second.
    """
    shares = _shares(before, after, matrix)
    edges = shares >= LEAST_SHARE
    centres = _centres(before) @ matrix[:3, :3].T + matrix[:3, 3]
    distances = np.linalg.norm(centres[:, None] - _centres(after)[None], axis=-1)
    alone = [np.asarray(~edges.any(axis=axis)) for axis in (1, 0)]
    near = _nearest(distances, alone[0], alone[1], nearest_mm)
    found = [_make(pair, edges, distances, before, after, matrix) for pair in _groups(edges | near)]
    return sorted(found, key=lambda one: (one.before or (10**6,), one.after))


def _shares(
    before: Prediction, after: Prediction, matrix: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return (lesions before, lesions after): which part of the smaller one lies in the other."""
    labels = [Volume(one.labels, one.ct.affine) for one in (before, after)]
    sizes = [np.array([lesion.volume_ml for lesion in one.lesions]) for one in (before, after)]
    counts = (len(sizes[0]), len(sizes[1]))
    shared = np.maximum(
        _shared_ml(labels[0], labels[1], matrix, counts),
        _shared_ml(labels[1], labels[0], _inverse(matrix), counts[::-1]).T,
    )
    return np.asarray(shared / np.minimum(sizes[0][:, None], sizes[1][None]))


def _shared_ml(
    one: Volume, other: Volume, matrix: npt.NDArray[np.float64], counts: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Return (lesions, lesions of the other): mL of the first's voxels whose centres lie in the other's."""
    index = np.argwhere(one.array)
    own = one.array[tuple(index.T)].astype(np.intp)
    there = _values_at(other, index @ (matrix @ one.affine)[:3, :3].T + (matrix @ one.affine)[:3, 3])
    pairs = np.bincount(own * (counts[1] + 1) + there, minlength=(counts[0] + 1) * (counts[1] + 1))
    voxel_ml = float(abs(np.linalg.det(one.affine[:3, :3]))) / 1000
    return np.asarray(pairs.reshape(counts[0] + 1, counts[1] + 1)[1:, 1:] * voxel_ml)


def _values_at(volume: Volume, points: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Return the voxels' values at points (n, 3) in RAS millimetres, 0 outside."""
    index = _indices(volume, points)
    inside = _is_inside(volume, index)
    found = np.zeros(len(points), np.intp)
    found[inside] = volume.array[tuple(index[inside].T)]
    return found


def _indices(volume: Volume, points: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    turned = (points - volume.affine[:3, 3]) @ np.linalg.inv(volume.affine[:3, :3]).T
    return np.rint(turned).astype(np.intp)


def _is_inside(volume: Volume, index: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    return np.asarray(((index >= 0) & (index < volume.shape)).all(axis=1))


def _centres(prediction: Prediction) -> npt.NDArray[np.float64]:
    """Return (lesions, 3), RAS millimetres."""
    found = [lesion.centroid_mm for lesion in prediction.lesions]
    return np.reshape(np.array(found, np.float64), (-1, 3)) * (-1, -1, 1)


def _nearest(
    distances: npt.NDArray[np.float64],
    rows: npt.NDArray[np.bool_],
    columns: npt.NDArray[np.bool_],
    limit: float,
) -> npt.NDArray[np.bool_]:
    """Pair lesions without overlap one to one so that they lie nearest together, none beyond the limit."""
    found = np.zeros(distances.shape, bool)
    cost = np.where((distances <= limit) & rows[:, None] & columns[None], distances, 1e6)
    if cost.size:
        for row, column in zip(*linear_sum_assignment(cost), strict=True):
            found[row, column] = cost[row, column] < 1e6
    return found


def _groups(edges: npt.NDArray[np.bool_]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Give the lesions, by number, that hang together."""
    rows, columns = edges.shape
    first, second = np.nonzero(edges)
    graph = coo_array((np.ones(len(first)), (first, second + rows)), shape=(rows + columns,) * 2)
    count, member = connected_components(graph, directed=False)
    for group in range(count):
        members = np.flatnonzero(member == group)
        yield (
            tuple(int(one) + 1 for one in members if one < rows),
            tuple(int(one) - rows + 1 for one in members if one >= rows),
        )


def _make(
    pair: tuple[tuple[int, ...], tuple[int, ...]],
    overlaps: npt.NDArray[np.bool_],
    distances: npt.NDArray[np.float64],
    before: Prediction,
    after: Prediction,
    matrix: npt.NDArray[np.float64],
) -> Match:
    olds, news = pair
    if not news:
        seen = _is_covered(after, _centres(before)[[old - 1 for old in olds]], matrix)
        return Match("vanished" if seen else "not covered", olds, news)
    if not olds:
        seen = _is_covered(before, _centres(after)[[new - 1 for new in news]], _inverse(matrix))
        return Match("new" if seen else "not covered", olds, news)
    if len(olds) == len(news) == 1:
        place = olds[0] - 1, news[0] - 1
        return Match("same", olds, news, float(distances[place]), bool(overlaps[place]))
    kind: Kind = "merged" if len(news) == 1 else "split" if len(olds) == 1 else "several"
    return Match(kind, olds, news)


def _inverse(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.linalg.inv(matrix).astype(np.float64)


def _is_covered(other: Prediction, points: npt.NDArray[np.float64], matrix: npt.NDArray[np.float64]) -> bool:
    """Tell whether points lie in the CT and the PET of the other study."""
    there = points @ matrix[:3, :3].T + matrix[:3, 3]
    volumes: Sequence[Volume] = [getattr(other, kind) for kind in ("ct", "pet") if kind in other.inputs]
    return all(_is_inside(volume, _indices(volume, there)).all() for volume in volumes)
