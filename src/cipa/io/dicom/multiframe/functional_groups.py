"""Functional groups of a frame (DICOM PS3.3 C.7.6.16) as the header of a file of that frame alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydicom.dataset import Dataset

from cipa.io.dicom.clock import parse_date_time
from cipa.io.dicom.raw_values import tag_of
from cipa.io.dicom.tags import number, text, value

GROUPS: dict[str, tuple[str, ...]] = {
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept", "RescaleType"),
    "FrameContentSequence": (
        *("FrameAcquisitionDateTime", "FrameAcquisitionDuration", "FrameReferenceDateTime"),
        *("TemporalPositionIndex", "StackID", "InStackPositionNumber", "DimensionIndexValues"),
    ),
    "TemporalPositionSequence": ("TemporalPositionTimeOffset",),
    "CardiacSynchronizationSequence": (
        "NominalPercentageOfCardiacPhase",
        "NominalCardiacTriggerDelayTime",
    ),
    "RespiratorySynchronizationSequence": ("NominalPercentageOfRespiratoryPhase",),
    "CTImageFrameTypeSequence": ("FrameType", "VolumeBasedCalculationTechnique"),
    "PETFrameTypeSequence": ("FrameType", "VolumeBasedCalculationTechnique"),
    "PETFrameCorrectionFactorsSequence": ("DecayFactor", "DoseCalibrationFactor", "ScatterFractionFactor"),
    "FrameAnatomySequence": ("AnatomicRegionSequence",),
    "RealWorldValueMappingSequence": (),
}
"""What is read of each group."""

CONVERTED = (
    "UnassignedSharedConvertedAttributesSequence",
    "UnassignedPerFrameConvertedAttributesSequence",
)
"""Where legacy conversion keeps what has no other place in an enhanced file (PS3.3 C.7.6.16.2.25)."""

ENHANCED_ONLY = (
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "NumberOfFrames"),
    *("DimensionIndexSequence", "DimensionOrganizationSequence", "ReferencedSeriesSequence"),
    *("SourceImageEvidenceSequence", "ReferencedImageEvidenceSequence", "ExtendedOffsetTable"),
    "ExtendedOffsetTableLengths",
)
"""Attributes of the file that a frame's header is without."""

REGIONS = {
    "51185008": "CHEST",
    "39607008": "LUNG",
    "38266002": "WHOLEBODY",
    "113345001": "ABDOMEN",
    "69536005": "HEAD",
    "45048000": "NECK",
    "T-D3000": "CHEST",
    "T-28000": "LUNG",
    "T-D0010": "WHOLEBODY",
    "T-D4000": "ABDOMEN",
    "T-D1100": "HEAD",
    "T-D1600": "NECK",
}
"""Body Part Examined of codes of the frame's anatomy: SNOMED CT, then the older SNOMED RT (PS3.16, CID 4)."""


def strip_groups(header: Dataset) -> Dataset:
    """Return what a file says of all its frames alike, without what only functional groups may say."""
    found = header[:]
    own = (keyword for keywords in GROUPS.values() for keyword in keywords)
    for keyword in (*ENHANCED_ONLY, *own):
        if tag_of(keyword) in found:
            del found[tag_of(keyword)]
    found.file_meta = header.file_meta
    return found


def functional_groups(shared: Dataset, item: Dataset) -> dict[str, Sequence[Dataset]]:
    """Return the items of each group of `GROUPS` that a frame has, its own before those of all frames."""
    found = {keyword: value(item, keyword) or value(shared, keyword) for keyword in GROUPS}
    return {keyword: items for keyword, items in found.items() if items}


def frame_header(
    base: Dataset, shared: Dataset, item: Dataset, groups: Mapping[str, Sequence[Dataset]], frame: int
) -> Dataset:
    """Return the header of one frame.

    Instance Number is the frame's number, which is what viewers count.

    Args:
        base: what `strip_groups` left.
        shared: groups of all frames.
        item: groups of this frame.
        groups: as `functional_groups` gave them of both.
        frame: its number, from 1.
    """
    found = base[:]
    found.file_meta = base.file_meta
    for source, keyword in ((item, CONVERTED[1]), (shared, CONVERTED[0])):
        kept = (value(source, keyword) or (Dataset(),))[0]
        for tag in kept.keys() - found.keys():
            found[tag] = kept.get_item(tag)
    for keyword, items in groups.items():
        for name in GROUPS[keyword]:
            if tag_of(name) in items[0]:
                found[tag_of(name)] = items[0].get_item(tag_of(name))
    found.InstanceNumber = frame
    _name_as_classic(found)
    return found


def _name_as_classic(header: Dataset) -> None:
    """Add classic names of what enhanced files call otherwise, where it means the same."""
    if tag_of("FrameType") in header:
        header.ImageType = value(header, "FrameType")
    _set(header, "ActualFrameDuration", "FD", number(header, "FrameAcquisitionDuration"))
    _set(header, "TriggerTime", "FD", number(header, "NominalCardiacTriggerDelayTime"))
    _set_acquisition(header)
    if not text(header, "BodyPartExamined"):
        region = value(header, "AnatomicRegionSequence")
        known = None if region is None else REGIONS.get(text(region[0], "CodeValue"))
        _set(header, "BodyPartExamined", "CS", known)


def _set_acquisition(header: Dataset) -> None:
    """Set date and time of the acquisition to the frame's own, which a file's are the earliest of."""
    moment = text(header, "FrameAcquisitionDateTime")
    if not moment:
        return
    for keyword in ("AcquisitionDate", "AcquisitionTime"):
        if tag_of(keyword) in header:
            del header[tag_of(keyword)]
    _set(header, "AcquisitionDateTime", "DT", moment)
    stamp = parse_date_time(moment)
    if stamp is not None and stamp.offset is None:
        _set(header, "AcquisitionDate", "DA", f"{stamp.when:%Y%m%d}")
        _set(header, "AcquisitionTime", "TM", f"{stamp.when:%H%M%S.%f}")


def _set(header: Dataset, keyword: str, kind: str, found: Any) -> None:
    if found is not None:
        header.add_new(tag_of(keyword), kind, found)
