"""Enhanced multi-frame CT and PET built of classic slices, as a scanner would have written them."""

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CLASSES = {"CT": "1.2.840.10008.5.1.4.1.1.2.1", "PT": "1.2.840.10008.5.1.4.1.1.130"}

CORRECTED = {"DecayCorrected": "DECY", "AttenuationCorrected": "ATTN", "ScatterCorrected": "SCAT"}

OF_FRAMES = (
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "RescaleSlope"),
    *("RescaleIntercept", "AcquisitionDate", "AcquisitionTime", "ActualFrameDuration", "PixelData"),
    *("CorrectedImage", "DecayCorrection", "Units", "SeriesDate", "SeriesTime", "FrameReferenceTime"),
    *("TriggerTime", "SeriesType", "NumberOfTimeSlices"),
)
"""What a true enhanced file has in functional groups, or under other names."""


def item(**tags):
    found = Dataset()
    for name, value in tags.items():
        setattr(found, name, value)
    return found


def enhance(files, positions=None):
    """The data set of one enhanced file of these classic ones, a frame each, in their order.

    `positions` are the temporal position index of each frame.
    """
    slices = [dcmread(file) for file in files]
    first = slices[0]
    found = Dataset()
    found.update(first)
    for name in OF_FRAMES:
        found.pop(name, None)
    found.SOPClassUID, found.SOPInstanceUID = CLASSES[first.Modality], generate_uid()
    found.NumberOfFrames, found.InstanceNumber = len(slices), 1
    dimensions = ["ImagePositionPatient"] + (["TemporalPositionIndex"] if positions else [])
    found.DimensionIndexSequence = [item(DimensionIndexPointer=Tag(name)) for name in dimensions]
    kind = "CTImageFrameTypeSequence" if first.Modality == "CT" else "PETFrameTypeSequence"
    shared = item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=first.ImageOrientationPatient)],
        PixelMeasuresSequence=[item(PixelSpacing=first.PixelSpacing, SliceThickness=3)],
        **{kind: [item(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])]},
    )
    found.SharedFunctionalGroupsSequence = [shared]
    found.PerFrameFunctionalGroupsSequence = [
        _groups(one, index, positions[index] if positions else None) for index, one in enumerate(slices)
    ]
    if first.Modality == "PT":
        _describe_pet(found, first)
    found.PixelData = b"".join(one.PixelData for one in slices)
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return found


def save_enhanced(found, path, syntax=None):
    """Save, and compress first where a transfer syntax is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if syntax is not None:
        found.compress(syntax, generate_instance_uid=False)
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
    found.save_as(path, enforce_file_format=True)


def enhance_folder(folder, path):
    """Save the classic files of a folder, in the order of their names, as one enhanced file."""
    save_enhanced(enhance(sorted(folder.iterdir())), path)


def _groups(one, index, position):
    day, clock = one.get("AcquisitionDate", "20240502"), one.get("AcquisitionTime", "100000")
    content = item(FrameAcquisitionDateTime=f"{day}{clock}")
    content.DimensionIndexValues = [index + 1] if position is None else [index + 1, position]
    if position is not None:
        content.TemporalPositionIndex = position
    if "ActualFrameDuration" in one:
        content.FrameAcquisitionDuration = float(one.ActualFrameDuration)
    found = item(
        FrameContentSequence=[content],
        PlanePositionSequence=[item(ImagePositionPatient=one.ImagePositionPatient)],
    )
    if one.Modality == "CT":
        value = item(RescaleSlope=one.RescaleSlope, RescaleIntercept=one.RescaleIntercept, RescaleType="HU")
        found.PixelValueTransformationSequence = [value]
    else:
        found.RealWorldValueMappingSequence = [
            _mapping("g/ml{SUVbw}", 7.0, 0.0),
            _mapping("Bq/ml", float(one.RescaleSlope), float(one.RescaleIntercept)),
        ]
    if "TriggerTime" in one:
        found.CardiacSynchronizationSequence = [item(NominalCardiacTriggerDelayTime=float(one.TriggerTime))]
    return found


def _mapping(unit, slope, intercept):
    return item(
        RealWorldValueFirstValueMapped=0,
        RealWorldValueLastValueMapped=65535,
        RealWorldValueSlope=slope,
        RealWorldValueIntercept=intercept,
        MeasurementUnitsCodeSequence=[item(CodeValue=unit, CodingSchemeDesignator="UCUM", CodeMeaning=unit)],
    )


def _describe_pet(found, classic):
    """Corrections, decay and injection as Enhanced PET has them."""
    for keyword, word in CORRECTED.items():
        setattr(found, keyword, "YES" if word in classic.CorrectedImage else "NO")
    if found.DecayCorrected == "YES":
        found.DecayCorrectionDateTime = f"{classic.SeriesDate}{classic.SeriesTime}"
    tracer = found.RadiopharmaceuticalInformationSequence[0]
    tracer.RadiopharmaceuticalStartDateTime = f"{classic.SeriesDate}{tracer.RadiopharmaceuticalStartTime}"
    del tracer.RadiopharmaceuticalStartTime


def stored(rng, shape, highest):
    """Values as stored, none of which is the same as its mirror image's."""
    return rng.integers(0, highest, shape).astype(np.uint16)
