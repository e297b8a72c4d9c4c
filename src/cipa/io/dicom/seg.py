"""A mask as DICOM SEG, in the patient's study, referring to the CT it was drawn on.

DICOM PS3.3 A.51 and C.8.20, written by highdicom: a binary segment a lesion, each with a frame for every CT
slice. Frames without a tumour are kept: viewers that count frames instead of reading positions misplace the
rest otherwise.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, generate_uid

from cipa.errors import DataError
from cipa.files import atomic_file
from cipa.io.dicom.objects.document import CHARACTER_SET, DISCLAIMER, MANUFACTURER
from cipa.io.dicom.objects.lesion import NO_LESION, Algorithm, LesionObject
from cipa.io.dicom.objects.references import refer_to
from cipa.io.dicom.seg_header import clean_patient_and_study, copy_geometry, reference_problem
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.tags import numbers

if TYPE_CHECKING:
    from highdicom.seg import Segmentation, SegmentDescription

SERIES_NUMBER = 9300
"""Far from the numbers that scanners and workstations give."""

MOST_FRAMES = 4096
"""Beyond so many the empty ones are left out: 100 lesions on 300 slices of 512 x 512 would take 1 GB."""


class SegError(DataError):
    """A DICOM SEG cannot be written of this CT; mask and tables can. The line quotes no value of a header."""


@quiet()
def write_seg(
    path: Path,
    labels: npt.NDArray[np.generic],
    slices: Sequence[Slice],
    by: Algorithm,
    lesions: Sequence[LesionObject] = (),
) -> "Segmentation":
    """Write a mask as a DICOM SEG file, whole or not at all.

    Patient, study and frame of reference are those of the CT, as DICOM asks: the file names the patient as
    the CT does. What is malformed of them is cleaned or left empty, as `check_seg` says.

    Args:
        path: final name.
        labels: (columns, rows, slices), the number of the lesion of a voxel, 0 for none, on the grid of the
            CT read from `slices`.
        slices: the CT's files, in the order of the third axis.
        by: what drew it.
        lesions: a segment each, by number; without any all is one segment, which may be empty.

    Returns:
        The data set written, for objects that refer to it.

    Raises:
        SegError: the CT lacks what a SEG must repeat of it.
        OSError: the file cannot be written.
    """
    segmentation = make_seg(labels, slices, by, lesions)
    with atomic_file(path) as partial:
        segmentation.save_as(partial)
    return segmentation


@quiet()
def check_seg(slices: Sequence[Slice]) -> tuple[str, ...]:
    """Say beforehand what a SEG of these slices will lack, or why there will be none.

    Args:
        slices: the CT's files.

    Returns:
        A line a cleaned attribute of patient or study, or one for the SEG as a whole; no values.
    """
    problem = reference_problem(slices)
    if problem is not None:
        return (f"DICOM SEG cannot be written: {problem}",)
    return clean_patient_and_study(slices[0].header)[1]


def load_writer() -> None:
    """Load what `write_seg` needs of highdicom before its first use: half a second, most of it one table."""
    import highdicom.seg
    import highdicom.sr  # noqa: F401

    with suppress(ImportError, AttributeError):  # highdicom's own affair: without it the first SEG loads it
        from highdicom._standard_utils import get_module_attribute_map

        get_module_attribute_map()


def make_seg(
    labels: npt.NDArray[np.generic],
    slices: Sequence[Slice],
    by: Algorithm,
    lesions: Sequence[LesionObject] = (),
) -> "Segmentation":
    """Build the data set that `write_seg` writes."""
    import highdicom  # as `load_writer` says: only those who write SEG wait for it
    from highdicom.seg import Segmentation, SegmentationTypeValues

    problem = reference_problem(slices)
    if problem is not None:
        raise SegError(f"DICOM SEG cannot be written: {problem}")
    sources = _sources(slices)
    try:
        found = Segmentation(
            source_images=sources,
            pixel_array=np.ascontiguousarray(labels.T),
            segmentation_type=SegmentationTypeValues.BINARY,
            segment_descriptions=[_segment(by, lesion) for lesion in lesions] or [_segment(by)],
            series_instance_uid=highdicom.UID(),
            series_number=SERIES_NUMBER,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=by.name,
            software_versions=by.version,
            device_serial_number="none",
            content_label="TUMOUR",
            content_description=DISCLAIMER,
            series_description="CIPA tumour (research, not a medical device)",
            omit_empty_frames=len(lesions) * len(slices) > MOST_FRAMES,
            specific_character_set=CHARACTER_SET,
        )
        _refer_to_frames(found, sources, slices)
    except (
        Exception
    ) as error:  # highdicom checks by assertions, enums and sqlite; what it says quotes headers
        raise SegError(
            f"DICOM SEG cannot be written of this CT's headers ({type(error).__name__}); export the CT again"
        ) from None
    return found


def _sources(slices: Sequence[Slice]) -> list[Dataset]:
    """Return what highdicom reads of the CT's headers, and no more.

    Slices are as far apart as their positions say, which Slice Thickness often does not; orientation and
    pixel spacing, equal but for rounding within a series, are the first slice's everywhere. A frame stands
    for a file of its own until `_refer_to_frames`.
    """
    first = slices[0].header
    directions = np.array(numbers(first, "ImageOrientationPatient", 6))
    ends = [np.array(numbers(one.header, "ImagePositionPatient", 3)) for one in (slices[0], slices[-1])]
    apart = round(
        abs(float(np.cross(directions[:3], directions[3:]) @ (ends[1] - ends[0]))) / (len(slices) - 1), 6
    )
    sources = [copy_geometry(one.header) for one in slices]
    for source, one in zip(sources, slices, strict=True):
        if one.frame:
            source.SOPClassUID, source.SOPInstanceUID = CTImageStorage, generate_uid(prefix=None)
        source.SpacingBetweenSlices = apart
        source.SliceThickness = source.SliceThickness or apart
        source.ImageOrientationPatient, source.PixelSpacing = (
            first.ImageOrientationPatient,
            first.PixelSpacing,
        )
    sources[0].update(clean_patient_and_study(first)[0])
    return sources


def _refer_to_frames(found: Dataset, sources: Sequence[Dataset], slices: Sequence[Slice]) -> None:
    """Put the files and frames that sources stand for in place of their UIDs.

    highdicom takes one multi-frame file, all of whose frames it wants in their order; here frames may be of
    several files, sorted, and some of them left out.
    """
    if not any(one.frame for one in slices):
        return
    known = {str(source.SOPInstanceUID): one for source, one in zip(sources, slices, strict=True)}
    for frame in found.PerFrameFunctionalGroupsSequence:
        for derivation in frame.get("DerivationImageSequence", ()):
            for image in derivation.SourceImageSequence:
                if image.ReferencedSOPInstanceUID in known:  # segments of a slice may share this item
                    image.update(refer_to([known[image.ReferencedSOPInstanceUID]])[0].item())
    for series in found.ReferencedSeriesSequence:
        there = [known[one.ReferencedSOPInstanceUID] for one in series.ReferencedInstanceSequence]
        series.ReferencedInstanceSequence = [one.item() for one in refer_to(there)]
        for one in series.ReferencedInstanceSequence:
            one.pop("ReferencedFrameNumber", None)  # no part of this sequence


def _segment(by: Algorithm, lesion: LesionObject | None = None) -> "SegmentDescription":
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
    from pydicom.sr.codedict import codes

    kind = SegmentAlgorithmTypeValues[by.kind]
    drawn = AlgorithmIdentificationSequence(
        name=by.name, family=codes.cid7162.ArtificialIntelligence, version=by.version
    )
    described = SegmentDescription(
        segment_number=lesion.number if lesion else 1,
        segment_label=lesion.label if lesion else NO_LESION,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=kind,
        algorithm_identification=None if by.kind == "MANUAL" else drawn,
        tracking_uid=lesion.uid if lesion else None,
        tracking_id=lesion.label if lesion else None,
        anatomic_regions=[codes.SCT.Lung] if lesion and lesion.is_in_lung else None,
    )
    if by.kind == "SEMIAUTOMATIC":  # highdicom wants the algorithm's family, which is not known of it
        del described.SegmentationAlgorithmIdentificationSequence
    return described
