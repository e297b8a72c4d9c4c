"""What every object made here without highdicom has: whose it is, who made it, its series, its own UID."""

from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from cipa.files import atomic_file
from cipa.io.dicom.objects.lesion import Algorithm
from cipa.io.dicom.seg_header import clean_patient_and_study
from cipa.io.dicom.tags import text

MANUFACTURER = "CIPA (research software)"

CHARACTER_SET = "ISO_IR 192"
"""UTF-8, which holds the text of every other character set."""

DISCLAIMER = "Research software, not a medical device"


def is_own(header: Dataset) -> bool:
    """Tell whether this project wrote an object."""
    return text(header, "Manufacturer") == MANUFACTURER


def start_object(header: Dataset, sop_class: str, modality: str, series: int, by: Algorithm) -> Dataset:
    """Return the modules that objects of every kind share, DICOM PS3.3 C.7.1 to C.7.5 and C.12.1.

    Args:
        header: of a CT slice, whose patient and study these are, cleaned as `clean_patient_and_study` says.
        sop_class: UID of the kind.
        modality: code of the kind.
        series: Series Number; the series is a new one.
        by: what drew the mask.
    """
    now = datetime.now()
    found = clean_patient_and_study(header)[0]
    if "PositionReferenceIndicator" in found:  # of the frame of reference, which not every kind has
        del found.PositionReferenceIndicator
    found.SpecificCharacterSet = CHARACTER_SET
    found.SOPClassUID, found.SOPInstanceUID = sop_class, generate_uid(prefix=None)
    found.StudyInstanceUID, found.SeriesInstanceUID = (
        text(header, "StudyInstanceUID"),
        generate_uid(prefix=None),
    )
    found.Modality, found.SeriesNumber, found.InstanceNumber = modality, series, 1
    found.Manufacturer, found.ManufacturerModelName = MANUFACTURER, by.name[:64]
    found.SoftwareVersions = by.version[:64]
    found.InstanceCreationDate = found.ContentDate = f"{now:%Y%m%d}"
    found.InstanceCreationTime = found.ContentTime = f"{now:%H%M%S}"
    return found


def save_object(path: Path, found: Dataset) -> None:
    """Write an object as a DICOM file (PS3.10, explicit little endian), whole or not at all."""
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
    with atomic_file(path) as partial:
        found.save_as(partial, enforce_file_format=True)
