"""Is this CT a CT in HU, this PET a PET in SUV, and are they of one patient in one place?

Nothing in a NIfTI file says what its numbers mean, so the numbers themselves are looked at.
"""

import warnings

import numpy as np
from scipy import ndimage

from cipa.errors import DataError
from cipa.io.grid import overlap
from cipa.io.orientation import axial_stack, spacing
from cipa.io.volume import Volume

AIR_HU = -200.0
"""Any CT of a patient holds air and lung far below this."""

ROUNDING_SUV = -0.1
"""Interpolation dips this little below zero everywhere; what is lower is said."""

LOWEST_SUV = -100.0
"""Filtered back-projection leaves streaks of a few SUV below zero; the air of a CT is at -1000 HU."""

HIGHEST_SUV = 1000.0
"""Above the bladder and the injection site; Bq/mL are in the thousands."""

FULL_COVER = 0.5
"""Part of the CT that a PET of the same study is expected to cover at least."""

CHEST = ("CHEST", "THORAX", "LUNG", "TORSO", "TRUNK", "BODY", "TAP", "CAP", "MEDIASTIN", "HEART", "PET")
"""Words of Body Part Examined (0018,0015) that do not rule out the chest, WHOLEBODY among them."""

LUNG_ML, LARGE_ML, LUNG_GRID_MM = 300.0, 2000.0, 4.0
"""A CT of at least the second volume that shows less lung than the first is not of the chest. 33 of the 38
limbs and pelves of the sarcoma data show less than 300 mL by this measure (others foam), a thorax 4970."""


class VolumeWarning(UserWarning):
    """Something looks wrong with a volume, and the result needs a second look."""


def check_pair(ct: Volume, pet: Volume) -> None:
    """Check two volumes before they are taken as a pair, and issue what `pair_warnings` returns.

    Raises:
        DataError: as `pair_warnings`.

    Warns:
        VolumeWarning: each warning.
    """
    for line in pair_warnings(ct, pet):
        warnings.warn(line, VolumeWarning, stacklevel=3)


def pair_warnings(ct: Volume | None, pet: Volume | None) -> list[str]:
    """Check two volumes before they are taken as a pair, or the one that there is.

    Args:
        ct: meant to be CT in HU.
        pet: meant to be PET in body-weight SUV, in the same world as `ct`.

    Returns:
        What needs a second look, one line each: the CT holds no air, the PET no uptake, or covers less than
        half of the CT.

    Raises:
        DataError: the PET holds what no SUV can be, or does not meet the CT anywhere.
    """
    given = [volume for volume in (ct, pet) if volume is not None]
    lines = [f"{volume.name}: {line}" for volume in given for line in volume.warnings]
    lines += [] if pet is None else _pet_warnings(pet)
    if ct is not None and pet is not None:
        lines += _overlap_warnings(ct, pet)
    return lines if ct is None else lines + _ct_warnings(ct)


def region_warnings(ct: Volume, said: str = "") -> list[str]:
    """Look whether a CT shows the chest, which the network was trained on.

    Args:
        ct: HU.
        said: what its header calls the part of the body, empty if nothing.

    Returns:
        At most one line: the header names another part, or hardly any lung is seen in a CT large enough to
        hold some.
    """
    part = said.strip().upper()
    if part and not any(word in part for word in CHEST):
        return [
            f"{ct.name}: Body Part Examined (0018,0015) is {part}, not the chest: expect nothing of the mask"
        ]
    if abs(np.linalg.det(ct.affine[:3, :3])) * ct.array.size / 1000 < LARGE_ML:
        return []
    lung = lung_ml(ct)
    if lung >= LUNG_ML:
        return []
    return [
        f"{ct.name}: {lung:.0f} mL of lung in sight: is this the chest? If not, expect nothing of the mask"
    ]


def lung_ml(ct: Volume) -> float:
    """Estimate the volume of lung in a CT: the inside of what is between -950 and -600 HU on a 4 mm grid.

    The rim of the body and of the couch passes these values too, in layers that eroding by one voxel removes.
    """
    slices, world = axial_stack(ct.array, ct.affine)
    every = [max(1, round(LUNG_GRID_MM / edge)) for edge in spacing(world)]
    coarse = np.asarray(slices[tuple(slice(None, None, step) for step in every)], dtype=np.float32)
    inside = ndimage.binary_erosion((coarse > -950) & (coarse < -600), np.ones((3, 3, 3)))
    return float(np.count_nonzero(inside) * np.prod(every) * ct.voxel_ml)


def _ct_warnings(ct: Volume) -> list[str]:
    lowest = float(np.min(ct.array))
    if lowest <= AIR_HU:
        return []
    return [f"{ct.name}: lowest CT value {lowest:g}, no air: is it in HU? (many files store HU + 1024)"]


def _pet_warnings(pet: Volume) -> list[str]:
    lowest, highest = float(np.min(pet.array)), float(np.max(pet.array))
    if highest > HIGHEST_SUV and lowest > -0.1 * highest:  # CT is as far below zero as above; Bq/mL are not
        raise DataError(
            f"{pet.name}: highest PET value {highest:g} looks like Bq/mL, not SUV: multiply by "
            "weight in g / (dose in Bq decayed to the scan) first"
        )
    if lowest < max(LOWEST_SUV, -highest) and lowest < ROUNDING_SUV:
        raise DataError(
            f"{pet.name}: lowest PET value {lowest:g} is negative, which no SUV is: give PET in SUV, not the "
            "CT (are the two exchanged?)"
        )
    if highest <= 0:
        return [f"{pet.name}: no PET value above 0: is this the right file?"]
    if lowest >= ROUNDING_SUV:
        return []
    count = int(np.count_nonzero(np.less(pet.array, ROUNDING_SUV)))
    if not count:  # float32's -0.1 is below that of Python
        return []
    return [f"{pet.name}: {count} PET values below 0, the lowest {lowest:.3g} SUV: taken as 0"]


def _overlap_warnings(ct: Volume, pet: Volume) -> list[str]:
    covered = overlap(pet.affine, pet.shape, ct.affine, ct.shape)
    if covered == 0:
        raise DataError(
            f"{pet.name}: the PET does not meet the CT in space (centres {_centre(pet)} and {_centre(ct)} mm)"
            ": take volumes of one study, with the affines the scanner gave"
        )
    if covered >= FULL_COVER:
        return []
    return [f"{pet.name}: the PET covers {covered:.0%} of the CT; the rest is taken as without uptake"]


def _centre(volume: Volume) -> str:
    middle = volume.affine @ [*((length - 1) / 2 for length in volume.shape), 1.0]
    return "(" + ", ".join(f"{value:.0f}" for value in middle[:3]) + ")"
