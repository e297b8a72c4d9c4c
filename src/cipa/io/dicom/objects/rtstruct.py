"""Lesions as RTSTRUCT, DICOM PS3.3 A.19 and C.8.8: an ROI a lesion, closed contours on the CT's slices."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.objects.document import DISCLAIMER, save_object, start_object
from cipa.io.dicom.objects.lesion import Algorithm, LesionObject
from cipa.io.dicom.objects.outlines import outline_slice
from cipa.io.dicom.objects.references import refer_to
from cipa.io.dicom.seg_header import reference_problem
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.tags import numbers, text

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"

STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
"""Detached Study Management, retired, which Referenced SOP Class UID of a study still is."""

SERIES_NUMBER = 9302

DIGITS = 3
"""After the point of coordinates in mm; a Decimal String holds 16 characters."""

COLOURS = ((230, 60, 60), (240, 150, 40), (220, 200, 50), (90, 190, 90), (70, 150, 220), (170, 110, 220))


@quiet()
def write_rtstruct(
    path: Path,
    labels: npt.NDArray[np.generic],
    slices: Sequence[Slice],
    lesions: Sequence[LesionObject],
    by: Algorithm,
) -> None:
    """Write lesions as an RTSTRUCT file, whole or not at all.

    Contours run halfway between voxels within and without, to 0.001 mm, and holes are kept by keyholes
    (`cipa.io.dicom.objects.outlines`).

    Args:
        path: final name.
        labels: (columns, rows, slices), the number of the lesion of a voxel, 0 for none, on the CT's grid.
        slices: the CT's files in the order of the third axis.
        lesions: an ROI each.
        by: what drew the mask.

    Raises:
        DataError: the CT lacks what an RTSTRUCT must refer to.
        OSError: the file cannot be written.
    """
    problem = reference_problem(slices)
    if problem is not None:
        raise DataError(f"RTSTRUCT cannot be written: {problem}")
    save_object(path, _make(labels, slices, lesions, by))


def _make(
    labels: npt.NDArray[np.generic],
    slices: Sequence[Slice],
    lesions: Sequence[LesionObject],
    by: Algorithm,
) -> Dataset:
    header = slices[0].header
    found = start_object(header, SOP_CLASS, "RTSTRUCT", SERIES_NUMBER, by)
    found.SeriesDescription = "CIPA contours (research, not a medical device)"
    found.OperatorsName = ""
    found.FrameOfReferenceUID = text(header, "FrameOfReferenceUID")
    found.PositionReferenceIndicator = ""
    found.StructureSetLabel, found.StructureSetName = "CIPA LESIONS", "CIPA lesions"
    found.StructureSetDescription = DISCLAIMER
    found.StructureSetDate, found.StructureSetTime = found.ContentDate, found.ContentTime
    del found.ContentDate, found.ContentTime  # no attributes of this kind
    found.ApprovalStatus = "UNAPPROVED"
    found.ReferencedFrameOfReferenceSequence = [_frame_of_reference(slices)]
    found.StructureSetROISequence = [_roi(lesion, header, by) for lesion in lesions]
    corners = _corners(slices)
    found.ROIContourSequence = [_contours(labels, slices, corners, lesion) for lesion in lesions]
    found.RTROIObservationsSequence = [_observation(lesion) for lesion in lesions]
    return found


def _frame_of_reference(slices: Sequence[Slice]) -> Dataset:
    header = slices[0].header
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = text(header, "SeriesInstanceUID")
    series.ContourImageSequence = [one.item() for one in refer_to(slices)]
    study.ReferencedSOPClassUID = STUDY_CLASS
    study.ReferencedSOPInstanceUID = text(header, "StudyInstanceUID")
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID = text(header, "FrameOfReferenceUID")
    frame.RTReferencedStudySequence = [study]
    return frame


def _roi(lesion: LesionObject, header: Dataset, by: Algorithm) -> Dataset:
    roi = Dataset()
    roi.ROINumber, roi.ROIName = lesion.number, lesion.label
    roi.ReferencedFrameOfReferenceUID = text(header, "FrameOfReferenceUID")
    roi.ROIGenerationAlgorithm = by.kind
    roi.ROIGenerationDescription = f"{by.name} {by.version}"[:64]
    return roi


def _observation(lesion: LesionObject) -> Dataset:
    observation = Dataset()
    observation.ObservationNumber = observation.ReferencedROINumber = lesion.number
    observation.ROIObservationLabel = lesion.label[:16]
    observation.RTROIInterpretedType = "GTV"
    observation.ROIInterpreter = ""
    return observation


def _corners(slices: Sequence[Slice]) -> npt.NDArray[np.float64]:
    """Return (slices, 3, 3): what takes (column, row, 1) of each slice to LPS millimetres."""
    first = slices[0].header
    directions = np.reshape(numbers(first, "ImageOrientationPatient", 6) or (), (2, 3))
    spacing = numbers(first, "PixelSpacing", 2) or ()
    found = np.empty((len(slices), 3, 3))
    found[:, :, 0], found[:, :, 1] = directions[0] * spacing[1], directions[1] * spacing[0]
    for place, one in zip(found, slices, strict=True):
        place[:, 2] = numbers(one.header, "ImagePositionPatient", 3) or ()
    return found


def _contours(
    labels: npt.NDArray[np.generic],
    slices: Sequence[Slice],
    corners: npt.NDArray[np.float64],
    lesion: LesionObject,
) -> Dataset:
    roi = Dataset()
    roi.ReferencedROINumber = lesion.number
    roi.ROIDisplayColor = list(COLOURS[(lesion.number - 1) % len(COLOURS)])
    roi.ContourSequence = []
    columns, rows, run = lesion.box
    for index in range(run.start, run.stop):
        inside = labels[columns, rows, index] == lesion.number
        for polygon in outline_slice(inside):
            contour = Dataset()
            contour.ContourImageSequence = [one.item() for one in refer_to([slices[index]])]
            contour.ContourGeometricType = "CLOSED_PLANAR"
            places = np.c_[polygon + np.array([columns.start, rows.start]), np.ones(len(polygon))]
            points = places @ corners[index].T
            contour.NumberOfContourPoints = len(points)
            contour.ContourData = [f"{value:.{DIGITS}f}" for value in points.ravel().tolist()]
            contour.ContourNumber = len(roi.ContourSequence) + 1
            roi.ContourSequence.append(contour)
    return roi
