"""What uptake is left where the hottest lesion was, in a study without lesions."""

import numpy as np
import numpy.typing as npt

from cipa.inference.result import Prediction
from cipa.io.grid import resample
from cipa.io.orientation import spacing
from cipa.lesions.suv_peak import highest_mean, millilitre_sphere

MARGIN_VOXELS = 2
"""Beyond the reach of the sphere, for interpolation."""


def residual_sul_peak(before: Prediction, after: Prediction, matrix: npt.NDArray[np.float64]) -> float | None:
    """Return SULpeak of the second study about the voxels of the first's hottest lesion.

    Args:
        before: the first study.
        after: the second.
        matrix: (4, 4), RAS millimetres of the first to those of the second.

    Returns:
        As `cipa.lesions.measure` defines SULpeak, on the first study's CT grid; None where it is not known.
    """
    factor = after.facts.get("sul", {}).get("factor")
    measured = [lesion for lesion in before.lesions if lesion.suv_peak is not None]
    if factor is None or not measured or "pet" not in after.inputs:
        return None
    hottest = max(measured, key=lambda lesion: lesion.suv_peak or 0.0)
    box = before.boxes[hottest.number - 1]
    sphere = millilitre_sphere(spacing(before.axial_affine))
    wide = [side // 2 + MARGIN_VOXELS for side in sphere.shape]
    outer = [slice(max(0, side.start - more), side.stop + more) for side, more in zip(box, wide, strict=True)]
    world = before.axial_affine.copy()
    world[:, 3] = before.axial_affine @ [*(side.start for side in outer), 1.0]
    first, second, third = (side.stop - side.start for side in outer)
    suv = resample(after.pet.array, np.linalg.inv(matrix) @ after.pet.affine, world, (first, second, third))
    inner = tuple(
        slice(side.start - more.start, side.stop - more.start) for side, more in zip(box, outer, strict=True)
    )
    inside = before.axial(before.labels)[box] == hottest.number
    return highest_mean(suv, inner, inside, sphere) * float(factor)
