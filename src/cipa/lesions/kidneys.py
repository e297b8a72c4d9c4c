"""Which marks are kidney: below the lungs, beside the spine, and hot on the other side too.

Kidneys excrete FDG, and urine in a renal pelvis can be hotter than any tumour, so a network that has not
seen many of them takes them for one. A lung tumour or a node is not found there, and what else is (an adrenal
gland, 25 to 45 mm from the midline, a sarcoma) seldom has a twin of a kidney's uptake at a kidney's place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cipa.lesions.body import Body
from cipa.lesions.measure import Lesion
from cipa.lesions.plausibility import KIDNEY, LeftOut

THORAX_SHARE, BASE_SHARE = 0.2, 0.1
"""Share of a slice of the patient that is lung: at least, in a slice through the thorax; and at most, below
the lungs. Gas and fat next to air make up 0.03 to 0.05 of the ACRIN lung study's slices of the abdomen."""

DEPTH_MM = 260.0
"""How far below the lungs a kidney's middle can lie: both end at about the third lumbar vertebra."""

LATERAL_MM = (45.0, 110.0)
"""How far from the midline. Kidneys lie 50 to 90 mm from it, adrenal glands nearer."""

FRONT_SHARE = 0.3
"""Of a patient's depth, what lies in front of kidneys: bowel and stomach."""

LARGEST_ML = 250.0
"""A kidney has 110 to 200 mL; what is larger is not one alone."""

TWIN_SUV = 4.0
"""SUVmax of the other kidney: livers and spleens stay below it, urine an hour after FDG is well above."""

TWIN_MM = (40.0, 35.0, 30.0)
"""How far, up or down, forwards or back, and sideways, the other kidney's hottest part can be from the mirror
image of a mark: one kidney lies some 15 mm lower, and poles and pelves of both are marked."""


@dataclass(frozen=True)
class _Abdomen:
    """What of a patient lies below the lungs.

    Attributes:
        base_mm: z of the lungs' lower end, RAS+.
        body: the patient.
        suv: (s, h, w), -1 where PET has none.
    """

    base_mm: float
    body: Body
    suv: npt.NDArray[np.float32]


def split_kidneys(lesions: Sequence[Lesion], body: Body) -> tuple[list[Lesion], list[LeftOut]]:
    """Tell lesions from kidneys.

    Where the images do not show lungs with what is below them, or one of CT and PET is missing, all stay.

    Args:
        lesions: as `measure_lesions` returns them.
        body: the patient they are of.

    Returns:
        The lesions that stay, in order; and the kidneys.
    """
    abdomen = _abdomen_of(body)
    kept, left_out = [], []
    for lesion in lesions:
        if abdomen and _is_kidney(lesion, abdomen):
            left_out.append(
                LeftOut(lesion.volume_ml, lesion.suv_max, KIDNEY, lesion.centroid_mm, lesion.slices)
            )
        else:
            kept.append(lesion)
    return kept, left_out


def _abdomen_of(body: Body) -> _Abdomen | None:
    if body.lung is None or body.suv is None:
        return None
    area = np.maximum(body.cells.sum(axis=(1, 2)), 1)
    share = body.lung.sum(axis=(1, 2)) / area
    thorax = int(share.argmax())
    below = np.flatnonzero(share[:thorax] < BASE_SHARE)
    if share[thorax] < THORAX_SHARE or not len(below):
        return None
    return _Abdomen(float((body.world @ [below[-1], 0, 0, 1])[2]), body, body.suv)


def _is_kidney(lesion: Lesion, abdomen: _Abdomen) -> bool:
    left, back, z = lesion.centroid_mm
    if lesion.volume_ml > LARGEST_ML or not 0 <= abdomen.base_mm - z <= DEPTH_MM:
        return False
    world, cells = abdomen.body.world, abdomen.body.cells
    along, down, across = np.linalg.solve(world, [-left, -back, z, 1.0])[:3]
    patient = cells[min(max(round(along), 0), len(cells) - 1)]
    if not patient.any():
        return False
    rows, columns = np.flatnonzero(patient.any(axis=1)), np.flatnonzero(patient.any(axis=0))
    middle = (columns[0] + columns[-1]) / 2
    edges = np.linalg.norm(world[:3, :3], axis=0)  # (3,) mm: slice, row, column
    if not LATERAL_MM[0] <= abs(across - middle) * edges[2] <= LATERAL_MM[1]:
        return False
    if down < rows[0] + FRONT_SHARE * (rows[-1] - rows[0]):
        return False
    twin = np.array([along, down, 2 * middle - across])
    reach = np.array(TWIN_MM) / edges
    box = tuple(
        slice(max(0, round(first)), max(0, round(last)) + 1)
        for first, last in zip(twin - reach, twin + reach, strict=True)
    )
    return bool(abdomen.suv[box].max(initial=-1.0) >= TWIN_SUV)
