"""Two small studies of one patient at two times, for tests."""

from dataclasses import replace

import nibabel
import numpy as np

from cipa.inference.result import Prediction
from cipa.io.aligned import SliceSampler
from cipa.io.orientation import axial_stack
from cipa.io.volume import Volume
from cipa.lesions.labelling import label_lesions
from cipa.lesions.measure import measure_lesions
from dicom_files import write_series

SHAPE = (60, 50, 40)
AFFINE = np.array([[-2.0, 0, 0, 60], [0, -2.0, 0, 50], [0, 0, 2.0, -40], [0, 0, 0, 1]])
SUL_FACTOR = 0.75
LIVER = {"mean_sul": 1.6, "sd_sul": 0.2}
"""By which a lesion can be measured from SULpeak 2.8 on."""


def box(x, y, z, side=5):
    return tuple(slice(one, one + side) for one in (x, y, z))


def time_point(boxes, hot=10.0, affine=AFFINE, **facts):
    """A result whose lesions are these boxes of one uptake each; `hot` is one SUV for all or one each."""
    pet, mask = np.full(SHAPE, 0.5, np.float32), np.zeros(SHAPE, np.uint8)
    for place, uptake in zip(boxes, np.broadcast_to(hot, len(boxes)), strict=True):
        pet[place], mask[place] = uptake, 1
    ct, volume = Volume(np.zeros(SHAPE, np.int16), affine), Volume(pet, affine)
    labels, _ = label_lesions(mask)
    stack, world = axial_stack(ct.array, affine)
    sample = SliceSampler(*axial_stack(pet, affine), world, stack.shape)
    lesions = measure_lesions(labels, None, affine, volume, sample)
    about = {
        "study": "study",
        "sul": {"factor": SUL_FACTOR},
        "suv": {"uptake_minutes": 60.0},
        "pet": {"vendor": "V", "scanner": "S"},
        "examination": {"date": "2024-05-02", "reconstruction": "OSEM", "filter": "5 mm"},
        "reference": {"liver": LIVER, "percist_threshold_sul": 1.5 * 1.6 + 2 * 0.2},
    }
    return Prediction(
        mask,
        None,
        labels,
        ct,
        volume,
        [replace(one, sul_peak=one.suv_peak * SUL_FACTOR) for one in lesions],
        facts=about | facts,
    )


def write_dicom_study(folder, boxes, hot, **tags):
    """Write a CT of soft tissue and an FDG PET with these boxes, and their mask; liver everywhere else."""
    ct, pet, mask = np.full(SHAPE, 1060), np.full(SHAPE, 2.0), np.zeros(SHAPE, np.uint8)
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ AFFINE
    rng = np.random.default_rng(0)
    pet += rng.normal(0, 0.1, SHAPE)
    for place in boxes:
        pet[place], mask[place] = hot, 1
    factor = 70e3 / (350e6 * 2 ** (-3600 / 6586.2))
    shared = {"PatientID": "P1", "PatientSex": "M", "PatientSize": 1.75, "StudyDate": "20240502"} | tags
    write_series(folder / "study" / "ct", "CT", ct, lps, **shared)
    files = write_series(folder / "study" / "pet", "PT", (pet / factor).round(), lps, **shared)
    _name_tracer(files)
    nibabel.save(nibabel.Nifti1Image(mask, AFFINE), folder / "mask.nii.gz")
    return folder


def _name_tracer(files):
    from pydicom import dcmread

    for file in files:
        one = dcmread(file)
        one.RadiopharmaceuticalInformationSequence[0].Radiopharmaceutical = "FDG"
        one.ReconstructionMethod, one.ConvolutionKernel = "OSEM", "5 mm"
        one.Manufacturer, one.ManufacturerModelName = "V", "S"
        one.save_as(file)
