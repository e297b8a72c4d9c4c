"""Which voxel is of which lesion, and where each lesion lies.

Most of a mask is empty, and so are most planes through it: only the others are looked at.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cipa.io.components import label_components
from cipa.io.orientation import axial_stack
from cipa.io.volume import sparse_zeros
from cipa.lesions.suv_peak import Box


def label_lesions(mask: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.generic], int]:
    """Number the lesions of a mask, largest first.

    Args:
        mask: (I, J, K), 1 inside.

    Returns:
        Labels of the same shape and memory layout, uint16 (int32 beyond 65535 lesions), 0 outside and 1 to N
        inside, and N. Of equal sizes the one met first in the order of the axes comes first.
    """
    planes = _planes(mask)
    if planes is None:
        return sparse_zeros(mask, np.uint16), 0
    there = _selection(planes)
    found, count = label_components(mask[there], small=True)
    sizes = np.bincount(found.ravel(), minlength=count + 1)[1:]
    kind = np.uint16 if count <= np.iinfo(np.uint16).max else np.int32
    numbers = np.zeros(count + 1, dtype=kind)
    numbers[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, count + 1)
    labels = sparse_zeros(mask, kind)
    labels[there] = numbers[found]
    return labels, count


def keep_lesions(labels: npt.NDArray[Any], affine: npt.NDArray[np.float64], numbers: Sequence[int]) -> None:
    """Keep some lesions of a label map and renumber them in their order, in place: it may be large.

    Args:
        labels: (I, J, K), 1 to N as `label_lesions` numbers them.
        affine: (4, 4), indices of these to world millimetres, RAS+.
        numbers: of those that stay, in rising order.
    """
    stack, _ = axial_stack(labels, affine)
    new = {number: place for place, number in enumerate(numbers, start=1)}
    for number, box in enumerate(lesion_boxes(stack), start=1):  # a new number is of one that is done with
        if new.get(number) != number:
            stack[box][stack[box] == number] = new.get(number, 0)


def lesion_boxes(labels: npt.NDArray[Any]) -> list[Box]:
    """Return where each lesion of a label map lies, by its number less 1."""
    planes = _planes(labels)
    if planes is None:
        return []
    return [
        tuple(
            slice(int(indices[side.start]), int(indices[side.stop - 1]) + 1)
            for indices, side in zip(planes, box, strict=True)
        )
        for box in ndimage.find_objects(labels[_selection(planes)])
    ]


def _planes(mask: npt.NDArray[Any]) -> tuple[npt.NDArray[np.intp], ...] | None:
    """Return the planes along each axis that hold something, and the empty one after each run of them.

    What is left of a mask if only these are looked at, a tenth where lesions are scattered, is connected as
    the whole is. None where nothing is.
    """
    found = [np.arange(length) for length in mask.shape]
    sides = [slice(0, length) for length in mask.shape]
    for axis in np.argsort(np.abs(mask.strides))[::-1]:  # the widest stride first: later ones have less to do
        others = tuple(other for other in range(mask.ndim) if other != axis)
        holds = np.atleast_1d(mask[tuple(sides)].any(axis=others))
        if not holds.any():
            return None
        keeps = holds.copy()
        keeps[1:] |= holds[:-1]
        found[axis] = np.flatnonzero(keeps)
        sides[axis] = slice(int(found[axis][0]), int(found[axis][-1]) + 1)
    return tuple(found)


def _selection(planes: tuple[npt.NDArray[np.intp], ...]) -> tuple[Any, ...]:
    """Return an index of the voxels in all of these planes, by slices where no plane is left out."""
    if all(np.ptp(indices) + 1 == len(indices) for indices in planes):
        return tuple(slice(int(indices[0]), int(indices[-1]) + 1) for indices in planes)
    return np.ix_(*planes)
