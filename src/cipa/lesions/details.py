"""What a report says of lesions beyond their uptake: SUL, volumes by thresholds, extent, side and height.

It is added when it is settled which lesions there are, as regions that grow from them must not meet.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from cipa.io.orientation import axial_stack, spacing
from cipa.lesions.body import Body
from cipa.lesions.extent import longest_axial_mm, side_of
from cipa.lesions.grown import grow_lesion
from cipa.lesions.labelling import lesion_boxes
from cipa.lesions.measure import AxialSlices, Lesion


def add_details(
    lesions: Sequence[Lesion],
    labels: npt.NDArray[np.generic],
    affine: npt.NDArray[np.float64],
    uptake: AxialSlices | None,
    body: Body | None,
    sul_factor: float | None,
) -> list[Lesion]:
    """Return lesions with all that `Lesion` has a place for, but the CT's instance numbers.

    Args:
        lesions: all that there are.
        labels: (I, J, K), their numbers.
        affine: (4, 4), indices of `labels` to world millimetres, RAS+.
        uptake: as `measure_lesions` takes it; None without PET.
        body: the patient, on the axial slices of `labels`; None where none was found.
        sul_factor: lean body mass over weight; None where it is not known.
    """
    names, world = axial_stack(labels, affine)
    edges, boxes, inverse = spacing(world), lesion_boxes(names), np.linalg.inv(world)
    middle = [(length - 1) / 2 for length in names.shape[1:]]
    found = []
    for lesion in lesions:
        box = boxes[lesion.number - 1]
        x, y, z = lesion.centroid_mm
        column = float((inverse @ [-x, -y, z, 1.0])[2])
        first, last = (float(world[2] @ [index, *middle, 1.0]) for index in lesion.slices)
        lesion = replace(
            lesion,
            longest_axial_mm=longest_axial_mm(names[box] == lesion.number, edges),
            side=side_of(lesion.slices, column, body, edges[2]),
            z_mm=(first, last),
        )
        if uptake is not None and lesion.suv_max is not None:
            grown = grow_lesion(names, lesion.number, box, uptake, lesion.suv_max, world)
            lesion = replace(_with_sul(lesion, sul_factor), grown=grown)
        found.append(lesion)
    return found


def _with_sul(lesion: Lesion, factor: float | None) -> Lesion:
    if factor is None:
        return lesion
    suv_max, suv_mean, suv_peak = (
        None if suv is None else suv * factor for suv in (lesion.suv_max, lesion.suv_mean, lesion.suv_peak)
    )
    return replace(lesion, sul_max=suv_max, sul_mean=suv_mean, sul_peak=suv_peak)
