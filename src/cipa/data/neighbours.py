"""A slice with its neighbours as the channels of one image: z - 1, z, z + 1.

The published network repeats a grey slice in three channels. Neighbours in two of them give it the third
dimension without a parameter more. Where a neighbour is missing, at the ends of a scan or of a run of slices,
the slice itself takes its place.
"""

import re
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from cipa.data.layout import patient_of


def neighbour_indices(index: int, length: int, slices: int) -> list[int]:
    """Return which slices of a volume go with one of them.

    Args:
        index: place of the slice along the volume, 0 to length - 1.
        length: slices of the volume.
        slices: channels wanted, an odd number.

    Returns:
        `slices` places in order; those beyond an end are `index` itself.
    """
    reach = range(index - slices // 2, index + slices // 2 + 1)
    return [place if 0 <= place < length else index for place in reach]


def stack_neighbours(
    volume: npt.NDArray[np.uint8], slices: int, places: slice = slice(None)
) -> npt.NDArray[np.uint8]:
    """Give each slice of a run its neighbours.

    Args:
        volume: (Z, H, W), one patient's slices in their order; more of them than the run, for its ends.
        slices: channels wanted, an odd number.
        places: the run; by default all.

    Returns:
        (n, slices, H, W), the slice itself in the middle channel.
    """
    run = range(*places.indices(len(volume)))
    return volume[[neighbour_indices(place, len(volume), slices) for place in run]]


def repeat_slices(images: npt.NDArray[np.uint8], slices: int) -> npt.NDArray[np.uint8]:
    """Stack each image with itself, as a slice whose neighbours are not known.

    Args:
        images: (n, H, W).
        slices: channels wanted.

    Returns:
        (n, slices, H, W), a view.
    """
    return np.broadcast_to(images[:, None], (len(images), slices, *images.shape[1:]))


def middle_slice(stack: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the slice itself of a stack (slices, H, W): (H, W)."""
    return stack[len(stack) // 2]


def neighbour_ids(slice_id: str, slices: int, there: Mapping[tuple[str, int], str]) -> list[str]:
    """Name the slices that go with one of a data set in PCLT20K layout.

    Args:
        slice_id: the slice.
        slices: channels wanted, an odd number.
        there: the slices that may be taken, from `by_series`.

    Returns:
        `slices` ids of its patient and series, by their numbers; a missing one is `slice_id` itself.
    """
    series, number = _series(slice_id)
    reach = range(number - slices // 2, number + slices // 2 + 1)
    return [slice_id if place == number else there.get((series, place), slice_id) for place in reach]


def by_series(ids: Iterable[str]) -> dict[tuple[str, int], str]:
    """Order slice ids by what stands before and after their number, which names patient and series."""
    return {_series(slice_id): slice_id for slice_id in ids}


def _series(slice_id: str) -> tuple[str, int]:
    """Return the id less its number, and the number: "0001_*" and 23 of "0001_023"."""
    patient = patient_of(slice_id)
    rest = slice_id[len(patient) :]
    numbers = list(re.finditer(r"\d+", rest))
    last = numbers[-1]
    return f"{patient}{rest[: last.start()]}*{rest[last.end() :]}", int(last[0])
