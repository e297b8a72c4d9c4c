"""Small DICOM series, written for tests."""

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CLASSES = {"CT": "1.2.840.10008.5.1.4.1.1.2", "PT": "1.2.840.10008.5.1.4.1.1.128"}


def header(modality, **tags):
    """Header of a slice that lacks nothing but its pixels and place."""
    found = Dataset()
    found.SOPClassUID = CLASSES.get(modality, "1.2.840.10008.5.1.4.1.1.7")
    found.SOPInstanceUID = generate_uid()
    found.Modality = modality
    found.PatientName = "Secret^Name"
    found.StudyInstanceUID, found.FrameOfReferenceUID = "1.2.3", "1.2.3.4"
    found.SeriesInstanceUID, found.SeriesNumber = (
        f"1.2.3.{len(modality)}.{ord(modality[0])}",
        ord(modality[0]),
    )
    found.SeriesDescription = modality
    found.RescaleSlope, found.RescaleIntercept = 1, -1024 if modality == "CT" else 0
    if modality == "PT":
        found.update(pet_tags())
    for name, value in tags.items():
        if value is None:
            delattr(found, name)
        else:
            setattr(found, name, value)
    return found


def pet_tags():
    """Header of PET in Bq/mL: 70 kg, 350 MBq one hour before the scan."""
    found, tracer = Dataset(), Dataset()
    tracer.RadionuclideTotalDose, tracer.RadionuclideHalfLife = 350e6, 6586.2
    tracer.RadiopharmaceuticalStartTime = "090000"
    found.RadiopharmaceuticalInformationSequence = [tracer]
    found.PatientWeight, found.Units, found.DecayCorrection = 70, "BQML", "START"
    found.CorrectedImage = ["DECY", "ATTN"]
    found.SeriesDate = found.AcquisitionDate = "20240502"
    found.SeriesTime = found.AcquisitionTime = "100000"
    found.ActualFrameDuration = 120000
    return found


def write_series(folder, modality, values, lps=None, names=None, **tags):
    """Write uint16 values (columns, rows, slices), as stored, a file a slice, named in shuffled order.

    `lps` takes (column, row, slice) to LPS millimetres; a tag that is a tuple gives every slice its own,
    and one that is None is left out.
    """
    lps = np.diag([2.0, 2.0, 3.0, 1.0]) if lps is None else lps
    spacing = np.linalg.norm(lps[:3, :2], axis=0)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for index in range(values.shape[2]):
        own = {name: value[index] if isinstance(value, tuple) else value for name, value in tags.items()}
        one = header(modality)
        one.ImagePositionPatient = (lps @ [0, 0, index, 1])[:3].round(6).tolist()
        one.ImageOrientationPatient = (lps[:3, :2] / spacing).T.ravel().round(9).tolist()
        one.PixelSpacing = spacing[::-1].round(9).tolist()
        one.Columns, one.Rows = values.shape[:2]
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
        one.PixelData = values[:, :, index].T.astype("<u2").tobytes()
        for name, value in own.items():
            if value is None:
                delattr(one, name)
            else:
                setattr(one, name, value)
        name = names[index] if names else f"{modality}{(index * 7 + 3) % 101:03d}.dcm"
        save(one, folder / name)
        files.append(folder / name)
    return files


def save(one, path, syntax=ExplicitVRLittleEndian):
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = syntax
    one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    one.save_as(path, enforce_file_format=True)
