"""A picture as secondary capture, DICOM PS3.3 A.8: for viewers that show neither SEG nor contours."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cipa.io.dicom.objects.document import save_object, start_object
from cipa.io.dicom.objects.lesion import Algorithm
from cipa.io.dicom.silence import quiet

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7"

SERIES_NUMBER = 9303


@quiet()
def write_capture(
    path: Path,
    picture: npt.NDArray[np.uint8],
    header: Dataset,
    by: Algorithm,
    title: str,
    series: str,
    instance: int,
) -> None:
    """Write a picture as a DICOM file, whole or not at all.

    Args:
        path: final name.
        picture: uint8 (rows, columns, 3), RGB; nothing in it names the patient.
        header: of a CT slice, whose patient and study these are.
        by: what drew the mask.
        title: what the picture shows, for Image Comments.
        series: Series Instance UID, one for all pictures of a result.
        instance: Instance Number among them, from 1.

    Raises:
        OSError: the file cannot be written.
    """
    found = start_object(header, SOP_CLASS, "OT", SERIES_NUMBER, by)
    found.SeriesInstanceUID, found.InstanceNumber = series, instance
    found.SeriesDescription = "CIPA pictures (research, not a medical device)"
    found.ConversionType, found.BurnedInAnnotation = "WSD", "NO"
    found.ImageType = ["DERIVED", "SECONDARY"]
    found.ImageComments, found.PatientOrientation, found.Laterality = title, "", ""
    found.Rows, found.Columns = picture.shape[:2]
    found.SamplesPerPixel, found.PhotometricInterpretation, found.PlanarConfiguration = 3, "RGB", 0
    found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 8, 8, 7, 0
    pixels = np.ascontiguousarray(picture).tobytes()
    found.PixelData = pixels + b"\0" * (len(pixels) % 2)
    found["PixelData"].VR = "OB"
    save_object(path, found)
