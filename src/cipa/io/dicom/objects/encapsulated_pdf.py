"""A PDF as a DICOM object, PS3.3 A.45.1, so that a PACS files it with the study."""

from pathlib import Path

from pydicom.dataset import Dataset

from cipa.io.dicom.objects.document import save_object, start_object
from cipa.io.dicom.objects.lesion import Algorithm
from cipa.io.dicom.silence import quiet

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"

SERIES_NUMBER = 9304

TITLE = "CIPA report (research, not a medical device)"


@quiet()
def write_encapsulated_pdf(path: Path, pdf: bytes, header: Dataset, by: Algorithm) -> None:
    """Write a PDF as a DICOM file, whole or not at all.

    Args:
        path: final name.
        pdf: the document.
        header: of a CT slice, whose patient and study these are.
        by: what drew the mask.

    Raises:
        OSError: the file cannot be written.
    """
    found = start_object(header, SOP_CLASS, "DOC", SERIES_NUMBER, by)
    found.SeriesDescription = found.DocumentTitle = TITLE
    found.ConversionType, found.BurnedInAnnotation = "WSD", "NO"
    found.AcquisitionDateTime = ""
    found.ConceptNameCodeSequence = []
    found.MIMETypeOfEncapsulatedDocument = "application/pdf"
    found.EncapsulatedDocumentLength = len(pdf)
    found.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    save_object(path, found)
