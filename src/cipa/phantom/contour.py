"""The outline a PET-CT reader draws: the mass on CT and the rim in which its uptake shows.

PET blurs a hot mass over its surroundings and shows it through all of a breath, so what is drawn on the
fused images is wider than the mass on CT. The rim is where PET shows at least SUV 2.5, the fixed threshold in
common use for lung tumours (Paulino and Johnstone, Int J Radiat Oncol Biol Phys 59:4-5, 2004), and where most
of that is the tumour's own.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cipa.phantom.acquisition import Scanner, expected_pet, onto_ct_grid
from cipa.phantom.frame import Frame
from cipa.phantom.plane import FIELD_OF_VIEW, SLICE_SPACING
from cipa.phantom.scene import Part

RIM_SUV = 2.5
OWN_SHARE = 0.5
"""Of the uptake in the rim that must be the tumour's."""

REACH_MM = 10.0
"""How far from the mass a rim may go."""

_SPARE = 4  # slices above and below the masses that a rim may reach

Masks = Mapping[int, NDArray[np.uint8]]


def with_rims(
    outlines: Masks,
    parts: Sequence[Part],
    tumours: Sequence[Part],
    scanner: Scanner,
    frame: Frame,
    numbers: Sequence[int],
) -> dict[int, NDArray[np.uint8]]:
    """Add to the outlines of tumours the rims that PET shows about them.

    Args:
        outlines: (H, W) uint8 by slice number, 1 is tumour; none where no tumour shows.
        parts: the whole patient, tumours included.
        tumours: the tumours' parts alone.
        scanner: whose blur and breathing the PET has.
        frame: of the patient.
        numbers: slices that may get a rim.

    Returns:
        The masks by slice number, of every slice that shows tumour or rim.
    """
    if not outlines:
        return {}
    near = range(max(min(outlines) - _SPARE, min(numbers)), min(max(outlines) + _SPARE, max(numbers)) + 1)
    size = next(iter(outlines.values())).shape[-1]
    blank = np.zeros((size, size), np.uint8)
    mass = np.stack([outlines.get(number, blank) for number in near]) > 0
    whole, own = (expected_pet(each, scanner, frame, near) for each in (parts, tumours))
    hot = np.minimum(whole / RIM_SUV, own / np.maximum(OWN_SHARE * whole, 1e-3))
    pixel = FIELD_OF_VIEW / size
    close = ndimage.distance_transform_edt(~mass, (SLICE_SPACING, pixel, pixel)) <= REACH_MM
    masks = mass | ((onto_ct_grid(hot, size) >= 1) & close)
    return {number: mask.astype(np.uint8) for number, mask in zip(near, masks, strict=True) if mask.any()}
