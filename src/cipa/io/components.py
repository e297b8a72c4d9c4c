"""Connected parts of a mask: the one meaning of "a lesion" that measuring and scoring share.

Voxels that touch by a face, an edge or a corner (26 neighbours) belong together.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

TOUCHING = np.ones((3, 3, 3), bool)
"""The 26 neighbours, as `scipy.ndimage.label` takes them."""


def label_components(mask: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.int32], int]:
    """Number the connected parts of a mask in the order in which a scan meets them.

    Args:
        mask: (I, J, K), true or non-zero inside.

    Returns:
        int32 of the same shape, 0 outside and 1 to N inside, and N.
    """
    labels, count = ndimage.label(mask, structure=TOUCHING)
    return labels, int(count)
