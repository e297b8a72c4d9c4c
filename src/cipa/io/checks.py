"""Is this CT a CT in HU, this PET a PET in SUV, and are they of one patient in one place?

Nothing in a NIfTI file says what its numbers mean, so the numbers themselves are looked at.
"""

import warnings

import numpy as np

from cipa.errors import DataError
from cipa.io.grid import overlap
from cipa.io.nifti import Volume

AIR_HU = -200.0
"""Any CT of a patient holds air and lung far below this."""

LOWEST_SUV = -0.1
"""Interpolation and reconstruction dip a little below zero; SUV does not."""

HIGHEST_SUV = 1000.0
"""Above the bladder and the injection site; Bq/mL are in the thousands."""

FULL_COVER = 0.5
"""Part of the CT that a PET of the same study is expected to cover at least."""


class VolumeWarning(UserWarning):
    """Something looks wrong with a volume, and the result needs a second look."""


def check_pair(ct: Volume, pet: Volume) -> None:
    """Check two volumes before they are taken as a pair.

    Args:
        ct: meant to be CT in HU.
        pet: meant to be PET in body-weight SUV, in the same world as `ct`.

    Raises:
        DataError: the PET holds what no SUV can be, or does not meet the CT anywhere.

    Warns:
        VolumeWarning: the CT holds no air, the PET no uptake, or covers less than half of the CT.
    """
    _check_pet(pet)
    _check_overlap(ct, pet)
    _check_ct(ct)


def _check_ct(ct: Volume) -> None:
    lowest = float(np.min(ct.array))
    if lowest > AIR_HU:
        _warn(f"{ct.name}: lowest CT value {lowest:g}, no air: is it in HU? (many files store HU + 1024)")


def _check_pet(pet: Volume) -> None:
    lowest, highest = float(np.min(pet.array)), float(np.max(pet.array))
    if highest > HIGHEST_SUV and lowest > -0.1 * highest:  # CT is as far below zero as above; Bq/mL are not
        raise DataError(
            f"{pet.name}: highest PET value {highest:g} looks like Bq/mL, not SUV: multiply by "
            "weight in g / (dose in Bq decayed to the scan) first"
        )
    if lowest < LOWEST_SUV:
        raise DataError(
            f"{pet.name}: lowest PET value {lowest:g} is negative, which no SUV is: give PET in SUV, not the "
            "CT (are the two exchanged?)"
        )
    if highest <= 0:
        _warn(f"{pet.name}: no PET value above 0: is this the right file?")


def _check_overlap(ct: Volume, pet: Volume) -> None:
    covered = overlap(pet.affine, pet.shape, ct.affine, ct.shape)
    if covered == 0:
        raise DataError(
            f"{pet.name}: the PET does not meet the CT in space (centres {_centre(pet)} and {_centre(ct)} mm)"
            ": take volumes of one study, with the affines the scanner gave"
        )
    if covered < FULL_COVER:
        _warn(f"{pet.name}: the PET covers {covered:.0%} of the CT; the rest is taken as without uptake")


def _centre(volume: Volume) -> str:
    middle = volume.affine @ [*((length - 1) / 2 for length in volume.shape), 1.0]
    return "(" + ", ".join(f"{value:.0f}" for value in middle[:3]) + ")"


def _warn(line: str) -> None:
    warnings.warn(line, VolumeWarning, stacklevel=4)
