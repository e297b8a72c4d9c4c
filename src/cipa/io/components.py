"""Connected parts of a mask: the one meaning of "a lesion" that measuring and scoring share.

Voxels that touch by a face, an edge or a corner (26 neighbours) belong together.
"""

from contextlib import suppress

import numpy as np
import numpy.typing as npt
from scipy import ndimage

TOUCHING = np.ones((3, 3, 3), bool)
"""The 26 neighbours, as `scipy.ndimage.label` takes them."""


def label_components(
    mask: npt.NDArray[np.generic], small: bool = False
) -> tuple[npt.NDArray[np.integer], int]:
    """Number the connected parts of a mask in the order in which a scan meets them.

    Args:
        mask: (I, J, K), true or non-zero inside.
        small: take half of the memory where there are few parts.

    Returns:
        int32 (if `small` and there are at most 65535, uint16) of the same shape, 0 outside and 1 to N inside;
        and N.
    """
    if small:
        labels = np.empty(mask.shape, np.uint16)
        with suppress(RuntimeError):  # so scipy says that the numbers do not fit
            return labels, int(ndimage.label(mask, TOUCHING, labels))
    labels, count = ndimage.label(mask, structure=TOUCHING)
    return labels, int(count)
