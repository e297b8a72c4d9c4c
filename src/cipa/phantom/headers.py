"""DICOM headers of a phantom's CT and PET slices (PS3.3 A.3 and A.21), marked as of no person.

Identifiers are derived from seed and number of the phantom, so that the same phantom is the same files.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
)
from pydicom.valuerep import format_number_as_ds

from cipa.version import __version__

HALF_LIFE = 6586.2
"""Seconds, fluorine-18."""

SCAN = datetime(2025, 1, 1, 10, 0, 0)
UPTAKE = timedelta(minutes=60)
FRAME_MS = 120_000

NOTE = "Computer-drawn phantom, no person. Research software, not a medical device."

FLUORINE, FDG = Code("77004003", "SCT", "^18^Fluorine"), Code("35321007", "SCT", "Fluorodeoxyglucose F^18^")


@dataclass(frozen=True)
class PhantomStudy:
    """What all files of one phantom's study share.

    Attributes:
        name: as in "CIPA-PHANTOM-S0-0001": Patient ID and source of every UID.
        weight_kg: body weight.
        dose_bq: FDG at injection, `UPTAKE` before the scan.
        slices: slices of each series.
    """

    name: str
    weight_kg: float
    dose_bq: float
    slices: int

    @property
    def bqml_per_suv(self) -> float:
        """Bq/mL at the scan's start that are body-weight SUV 1."""
        left = 2 ** (-UPTAKE.total_seconds() / HALF_LIFE)
        return self.dose_bq * left / (1000 * self.weight_kg)

    def uid(self, *parts: object) -> str:
        """Return the UID of a part of the study."""
        whole = "/".join([self.name, *map(str, parts)])
        return UID(f"2.25.{uuid5(NAMESPACE_OID, whole).int}")  # PS3.5 B.2: a UUID as a UID


def describe_study(name: str, seed: int, index: int, slices: int) -> PhantomStudy:
    """Draw weight and dose (about 3.7 MBq/kg) of phantom `index` of the set `seed`."""
    rng = np.random.default_rng([seed, index, 5])
    weight = round(float(rng.uniform(55, 95)), 1)
    dose = round(weight * float(rng.uniform(3.4, 4.1)), 1) * 1e6
    return PhantomStudy(name, weight, dose, slices)


def ct_header(study: PhantomStudy) -> Dataset:
    """Return the header that the CT's slices share; stored values are HU + 1024."""
    found = _series(study, "CT", CTImageStorage, number=2, description="CT PHANTOM")
    found.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    found.KVP, found.ConvolutionKernel = "120", "STANDARD"
    found.RescaleSlope, found.RescaleIntercept, found.RescaleType = "1", "-1024", "HU"
    found.WindowCenter, found.WindowWidth = "40", "400"
    found.PixelRepresentation, found.BitsStored, found.HighBit = 0, 12, 11
    return found


def pet_header(study: PhantomStudy) -> Dataset:
    """Return the header that the PET's slices share: Bq/mL, decay corrected to the scan's start."""
    found = _series(
        study, "PT", PositronEmissionTomographyImageStorage, number=3, description="PET AC PHANTOM"
    )
    found.ImageType = ["ORIGINAL", "PRIMARY"]
    found.SeriesType, found.CountsSource, found.NumberOfSlices = (
        ["WHOLE BODY", "IMAGE"],
        "EMISSION",
        study.slices,
    )
    found.Units, found.DecayCorrection = "BQML", "START"
    found.CorrectedImage = ["DECY", "ATTN", "SCAT", "DTIM", "RAN", "NORM"]
    found.DecayFactor, found.FrameReferenceTime = "1", "0"
    found.ActualFrameDuration, found.CollimatorType = FRAME_MS, "NONE"
    found.RandomsCorrectionMethod, found.AttenuationCorrectionMethod = "NONE", "COMPUTED FROM CT"
    found.RescaleIntercept, found.PixelRepresentation = "0", 1
    found.RadiopharmaceuticalInformationSequence = [_tracer(study)]
    return found


def _series(study: PhantomStudy, modality: str, sop_class: UID, number: int, description: str) -> Dataset:
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID = sop_class
    found.SpecificCharacterSet = "ISO_IR 192"
    _identify(found, study)
    found.Modality, found.SeriesNumber, found.SeriesDescription = modality, number, description
    found.SeriesInstanceUID = study.uid(modality)
    found.StudyInstanceUID, found.FrameOfReferenceUID = study.uid("study"), study.uid("frame")
    found.PositionReferenceIndicator = ""
    found.StudyID, found.AccessionNumber, found.ReferringPhysicianName = "1", "", ""
    found.StudyDescription = "PET-CT PHANTOM"
    found.BodyPartExamined, found.PatientPosition = "CHEST", "HFS"
    found.StudyDate = found.SeriesDate = found.AcquisitionDate = found.ContentDate = f"{SCAN:%Y%m%d}"
    found.StudyTime = found.SeriesTime = found.AcquisitionTime = found.ContentTime = f"{SCAN:%H%M%S}"
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    found.BitsAllocated, found.BitsStored, found.HighBit = 16, 16, 15
    found.BurnedInAnnotation = "NO"
    return found


def _identify(found: Dataset, study: PhantomStudy) -> None:
    found.PatientName, found.PatientID = f"PHANTOM^{study.name}", study.name
    found.PatientBirthDate, found.PatientSex = "", "O"
    found.PatientWeight, found.PatientComments = format_number_as_ds(study.weight_kg), NOTE
    found.PatientIdentityRemoved, found.DeidentificationMethod = "YES", "computer-drawn, no person"
    found.QualityControlSubject = "YES"  # (0010,0200): a phantom, not a patient
    found.Manufacturer, found.ManufacturerModelName = "CIPA", "computer-drawn phantom"
    found.SoftwareVersions = f"cipa {__version__}"


def _tracer(study: PhantomStudy) -> Dataset:
    found = Dataset()
    injected = SCAN - UPTAKE
    found.Radiopharmaceutical = "FDG -- fluorodeoxyglucose"
    found.RadiopharmaceuticalStartTime = f"{injected:%H%M%S}"
    found.RadiopharmaceuticalStartDateTime = f"{injected:%Y%m%d%H%M%S}"
    found.RadionuclideTotalDose = format_number_as_ds(study.dose_bq)
    found.RadionuclideHalfLife, found.RadionuclidePositronFraction = format_number_as_ds(HALF_LIFE), "0.967"
    found.RadionuclideCodeSequence = [_coded(FLUORINE)]
    found.RadiopharmaceuticalCodeSequence = [_coded(FDG)]
    return found


def _coded(code: Code) -> Dataset:
    found = Dataset()
    found.CodeValue, found.CodingSchemeDesignator, found.CodeMeaning = (
        code.value,
        code.scheme_designator,
        code.meaning,
    )
    return found
