"""Slices of one patient as a volume.

A slice's place is its number, and a number that is missing between two others is an empty slice in truth
and prediction alike: PCLT20K holds only the slices with tumour, so that a gap is where there was none, and
lesions on its two sides are two lesions as far apart as they were.
"""

from collections.abc import Sequence

import numpy as np

from cipa.data.layout import patient_of, slice_number
from cipa.errors import DataError

MOST_SLICES = 2048
"""Slices a patient may span: more than any scan has, fewer than numbers that count something else."""


def slice_indices(ids: Sequence[str]) -> list[int]:
    """Return each slice's index in the volume, 0 for the lowest number.

    Args:
        ids: slices of one patient, at least one.

    Returns:
        Places, in the order of `ids`.

    Raises:
        DataError: two slices have the same number, or the numbers are too far apart for a scan.
    """
    holders: dict[int, str] = {}
    for slice_id in ids:
        number = slice_number(slice_id)
        if number in holders:
            raise DataError(
                f"patient {patient_of(slice_id)}: {holders[number]} and {slice_id} are both slice {number}; "
                "number the slices of a patient one by one"
            )
        holders[number] = slice_id
    lowest, highest = min(holders), max(holders)
    if highest - lowest >= MOST_SLICES:
        raise DataError(
            f"patient {patient_of(ids[0])}: slices {lowest} to {highest} span more than {MOST_SLICES:,}; "
            "number them by their place in the scan"
        )
    return [number - lowest for number in holders]


def stack_slices(masks: Sequence[np.ndarray], places: Sequence[int]) -> np.ndarray:
    """Stack slices at their indices.

    Args:
        masks: bool (H, W) each, of one shape.
        places: of each, as from `slice_indices`.

    Returns:
        bool (Z, H, W); a place without a slice is empty.
    """
    volume = np.zeros((max(places) + 1, *masks[0].shape), bool)
    for mask, place in zip(masks, places, strict=True):
        volume[place] = mask
    return volume
