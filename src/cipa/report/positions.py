"""Where a slice lies, as people say it: its number of so many, and its height in the patient."""

from cipa.inference.result import Prediction
from cipa.io.dicom.instances import instance_numbers


def slice_z(prediction: Prediction, index: int) -> float:
    """Return the z of the middle of an axial slice in mm (DICOM patient coordinates, towards the head).

    Args:
        prediction: the study.
        index: of the slice, 0 at the feet, as `Lesion.slices` counts.
    """
    _, rows, columns = prediction.axial(prediction.mask).shape
    middle = (index, (rows - 1) / 2, (columns - 1) / 2, 1.0)
    return float(prediction.axial_affine[2] @ middle)


def slice_name(prediction: Prediction, index: int) -> str:
    """Return "slice 21 of 78, CT image 58, z = -166 mm"; the first slice is the one at the feet."""
    slices = len(prediction.axial(prediction.mask))
    source = prediction.source
    numbers = [] if source is None else instance_numbers(source.ct_slices, source.ct.affine)
    image = f", CT image {numbers[index]}" if numbers and numbers[index] is not None else ""
    return f"slice {index + 1} of {slices}{image}, z = {slice_z(prediction, index):.0f} mm"
