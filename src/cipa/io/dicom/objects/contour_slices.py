"""Which slices of the CT a contour fills: the one it lies in, or those nearest to its slice of the PET."""

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError
from cipa.io.dicom.objects.regions import Affine
from cipa.io.volume import Volume

Contour = npt.NDArray[np.float64]
"""(n, 3) corners of a closed contour, as indices of the CT's grid."""

PART, LEAST_MM = 0.1, 0.06
"""A contour may lie this part of the spacing, or this far, off its slice: headers are rounded."""


def place_contours(contours: list[Contour], ct: Volume, pet: Volume | None) -> list[list[int]]:
    """Return the CT slices that each contour fills, none for one beyond the CT.

    Args:
        contours: of one ROI.
        ct: the CT.
        pet: the PET.

    Raises:
        DataError: a contour is not flat, or lies between the slices of both CT and PET.
    """
    heights = np.array([np.median(contour[:, 2]) for contour in contours])
    spacing = _slice_spacing(ct.affine)
    bent = max(float(np.ptp(contour[:, 2])) for contour in contours) * spacing
    if bent > 2 * max(LEAST_MM, PART * spacing):
        raise DataError(
            f"a contour spans {bent:.1f} mm across the CT's slices; contours must lie in slices of CT or PET"
        )
    off = np.abs(heights - np.rint(heights)).max() * spacing
    if off <= max(LEAST_MM, PART * spacing):
        inside = [round(float(height)) for height in heights]
        return [[index] if 0 <= index < ct.shape[2] else [] for index in inside]
    found = None if pet is None else _place_in_pet(contours, heights, ct, pet)
    if found is None:
        neither = "" if pet is None else ", and in none of the PET"
        raise DataError(
            f"a contour lies {off:.2f} mm off the nearest slice of the CT{neither}; give the series that it "
            "was drawn on"
        )
    return found


def _place_in_pet(
    contours: list[Contour], heights: npt.NDArray[np.float64], ct: Volume, pet: Volume
) -> list[list[int]] | None:
    """Return the CT slices nearest to the PET slice of each contour, None where one lies in no PET slice."""
    step = np.linalg.inv(pet.affine) @ ct.affine
    if np.abs(step[2, :2] * ct.shape[:2]).max() > PART:  # PET slices are not parallel to the CT's
        return None
    in_pet = step[2, 2] * heights + step[2, 3]
    spacing = _slice_spacing(pet.affine)
    if np.abs(in_pet - np.rint(in_pet)).max() * spacing > max(LEAST_MM, PART * spacing):
        return None
    nearest = np.rint(step[2, 2] * np.arange(ct.shape[2]) + step[2, 3])
    return [np.flatnonzero(nearest == round(float(height))).tolist() for height in in_pet]


def _slice_spacing(affine: Affine) -> float:
    """Return millimetres between slices along their normal."""
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    return float(abs(normal @ affine[:3, 2]) / np.linalg.norm(normal))
