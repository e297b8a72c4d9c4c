"""Rigid alignment of two CTs of one patient, by SimpleITK, on the body without the couch.

The body of each CT is cut out (`cipa.lesions.body`), for couches and arm rests move against the patient, and
brought to cells of about 5 mm. A search along the body finds where the two overlap best, as scans need not
cover the same range; SimpleITK's registration goes on from there: correlation of HU, six parameters, two
resolutions. Breathing and posture remain, a few millimetres in the lung and more at arms and bowel.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError, UsageError
from cipa.inference.result import Prediction
from cipa.io.dicom.tags import text
from cipa.io.orientation import axial_stack, spacing
from cipa.io.volume import Volume
from cipa.lesions.body import body_of

if TYPE_CHECKING:
    import SimpleITK

CELL_MM = 5.0

WINDOW_HU = (-1000.0, 300.0)
"""Lung to soft tissue; bone and metal above would outweigh them."""

SEARCH_MM, SEARCH_STEP_MM = 400.0, 40.0
"""How far along the body the second CT is tried from where the centres of both bodies meet."""

LEAST_OVERLAP = 0.4
"""Of the shorter CT's length that must lie in the other."""

LEAST_CORRELATION = 0.6
"""Of HU where both bodies are. CTs of one patient reach 0.9 and more, of two patients 0.5 or less."""


@dataclass(frozen=True)
class Alignment:
    """How two studies lie to each other.

    Attributes:
        matrix: (4, 4), RAS millimetres of the first to those of the second.
        how: in words.
        correlation: of HU after alignment; None where nothing was aligned.
    """

    matrix: npt.NDArray[np.float64]
    how: str
    correlation: float | None = None

    def facts(self) -> dict[str, Any]:
        """Return it in JSON types."""
        return {"matrix": self.matrix.tolist(), "how": self.how, "correlation": self.correlation}


def align(before: Prediction, after: Prediction, is_aligned: bool = False) -> Alignment:
    """Find how the second study lies to the first.

    Args:
        before: the first.
        after: the second.
        is_aligned: take both as they lie, as the user says that they were aligned before.

    Raises:
        DataError: the CTs do not fit each other, or one study has none.
        UsageError: SimpleITK is not installed.
    """
    if is_aligned:
        return Alignment(np.eye(4), "taken as they lie, as the user says that they are aligned")
    frames = [_frame(one) for one in (before, after)]
    if frames[0] and frames[0] == frames[1]:
        return Alignment(np.eye(4), "both are in one frame of reference")
    for one in (before, after):
        if "ct" not in one.inputs:
            raise DataError(
                f"{one.facts['study']}: no CT to align it by; --align none takes both as they lie"
            )
    return _register(before.ct, before.pet, after.ct, after.pet)


def _frame(prediction: Prediction) -> str:
    source = prediction.source
    return "" if source is None else text(source.ct_series.header, "FrameOfReferenceUID")


def _register(ct: Volume, pet: Volume, other_ct: Volume, other_pet: Volume) -> Alignment:
    try:
        import SimpleITK as itk
    except ImportError:
        raise UsageError(
            "SimpleITK is not installed, which aligns the CTs: pip install 'cipa[compare]', or --align none "
            "for studies that are aligned already"
        ) from None
    fixed, moving = _image(itk, ct, pet), _image(itk, other_ct, other_pet)
    start = _search(itk, fixed, moving)
    transform = _refine(itk, fixed, moving, start)
    correlation = _correlation(itk, fixed, moving, transform)
    if correlation < LEAST_CORRELATION:
        raise DataError(
            f"the CTs do not fit each other: correlation {correlation:.2f} after alignment, where "
            f"{LEAST_CORRELATION:g} is the least; are both of one patient and region?"
        )
    matrix = _matrix(transform)
    moved, turned = np.linalg.norm(matrix[:3, 3]), _degrees(matrix)
    how = f"CTs aligned rigidly (SimpleITK): moved {moved:.0f} mm, turned {turned:.1f} degrees"
    return Alignment(matrix, how, round(correlation, 4))


def _image(itk: Any, ct: Volume, pet: Volume) -> "SimpleITK.Image":
    """Return the body in cells, from 0 (air) to 1, in RAS millimetres."""
    stack, world = axial_stack(ct.array, ct.affine)
    hu = np.clip(stack, *WINDOW_HU).astype(np.int16)
    body = body_of(ct, pet)
    if body is not None:
        hu[~body.within(tuple(slice(0, side) for side in hu.shape))] = int(WINDOW_HU[0])
    image = itk.GetImageFromArray(hu)
    edges = spacing(world)
    directions = world[:3, [2, 1, 0]] / np.array(edges)[::-1]
    if np.abs(directions.T @ directions - np.eye(3)).max() > 1e-4:
        raise DataError(
            "the CT's gantry is tilted, which is not aligned here; --align none takes both as they lie"
        )
    image.SetSpacing([float(edge) for edge in edges[::-1]])
    image.SetDirection(directions.ravel().tolist())
    image.SetOrigin(world[:3, 3].tolist())
    factors = [max(1, round(CELL_MM / edge)) for edge in edges[::-1]]
    small = itk.BinShrink(itk.Cast(image, itk.sitkFloat32), factors)
    return (small - WINDOW_HU[0]) / (WINDOW_HU[1] - WINDOW_HU[0])


def _centre(itk: Any, image: "SimpleITK.Image") -> npt.NDArray[np.float64]:
    """Return the centre of mass of a body."""
    values = itk.GetArrayViewFromImage(image) > 0.1
    index = np.argwhere(values).mean(axis=0)[::-1] if values.any() else np.array(image.GetSize()) / 2
    return np.array(image.TransformContinuousIndexToPhysicalPoint([float(one) for one in index]))


def _search(itk: Any, fixed: "SimpleITK.Image", moving: "SimpleITK.Image") -> "SimpleITK.Euler3DTransform":
    """Return the shift along the body by which the two correlate best."""
    centre, shift = _centre(itk, fixed), _centre(itk, moving) - _centre(itk, fixed)
    fixed, moving = (itk.BinShrink(one, [2, 2, 2]) for one in (fixed, moving))
    best, found = -np.inf, None
    for along in np.arange(-SEARCH_MM, SEARCH_MM + 1, SEARCH_STEP_MM):
        transform = itk.Euler3DTransform()
        transform.SetCenter(centre.tolist())
        transform.SetTranslation((shift + np.array([0, 0, along])).tolist())
        value = _correlation(itk, fixed, moving, transform)
        if value > best:
            best, found = value, transform
    if found is None:
        raise DataError("the CTs do not overlap; are both of one region?")
    return found


def _refine(
    itk: Any, fixed: "SimpleITK.Image", moving: "SimpleITK.Image", start: "SimpleITK.Euler3DTransform"
) -> "SimpleITK.Euler3DTransform":
    """Run SimpleITK's registration; the same numbers every time, as it samples regularly on one thread."""
    method = itk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(0.1)
    method.MetricUseFixedImageGradientFilterOff()
    method.MetricUseMovingImageGradientFilterOff()
    method.SetInterpolator(itk.sitkLinear)
    # steps of 2 mm down to 0.02; halved at each turn, as is usual, they ended 5 mm off
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.02, 150, 0.8, 1e-7)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([CELL_MM, 0.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetNumberOfThreads(1)
    transform = itk.Euler3DTransform(start)
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(fixed, moving)
    except RuntimeError as error:  # all samples left the other image
        raise DataError(f"the CTs cannot be aligned ({str(error).splitlines()[-1].strip()})") from None
    return transform


def _correlation(itk: Any, fixed: "SimpleITK.Image", moving: "SimpleITK.Image", transform: Any) -> float:
    """Return the correlation of HU where both CTs are and one has a body; -1 where too little meets."""
    ones = itk.Image(moving.GetSize(), itk.sitkUInt8) + 1
    ones.CopyInformation(moving)
    there = itk.GetArrayFromImage(itk.Resample(ones, fixed, transform, itk.sitkNearestNeighbor, 0)) > 0
    other = itk.GetArrayFromImage(itk.Resample(moving, fixed, transform, itk.sitkLinear, 0.0))
    own = itk.GetArrayViewFromImage(fixed)
    lengths = [image.GetSize()[2] * image.GetSpacing()[2] for image in (fixed, moving)]
    shared = np.count_nonzero(there.any(axis=(1, 2))) * fixed.GetSpacing()[2]
    inside = there & ((own > 0.05) | (other > 0.05))
    if shared < LEAST_OVERLAP * min(lengths) or np.count_nonzero(inside) < 100:
        return -1.0
    if not own[inside].std() or not other[inside].std():  # no body in one of them
        return -1.0
    return float(np.corrcoef(own[inside], other[inside])[0, 1])


def _matrix(transform: "SimpleITK.Euler3DTransform") -> npt.NDArray[np.float64]:
    turn = np.reshape(transform.GetMatrix(), (3, 3))
    centre = np.array(transform.GetCenter())
    found = np.eye(4)
    found[:3, :3] = turn
    found[:3, 3] = np.array(transform.GetTranslation()) + centre - turn @ centre
    return found


def _degrees(matrix: npt.NDArray[np.float64]) -> float:
    return float(np.degrees(np.arccos(np.clip((np.trace(matrix[:3, :3]) - 1) / 2, -1, 1))))
