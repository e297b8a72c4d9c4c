"""What the pages call STUDY, DATA, RUN and so on, at a size that a test can wait for."""

import shutil
from dataclasses import replace
from functools import cached_property

import nibabel
import numpy as np

from cipa.cli.main import main
from cipa.phantom import draw_patient
from cipa.phantom.headers import describe_study
from cipa.phantom.patient import WHOLE
from cipa.phantom.study import study_affine, write_study

SIZE = 128
SLICES = 12
TRAINING = ["--model", "nano", "--epochs", "1", "--batch-size", "4", "--workers", "0", "--device", "cpu"]


NAMES = ("STUDIES", "TRUTH", "STUDY", "practice", "MASK", "NIFTI", "DATA", "RUN", "TEST")
"""What there is."""


class Supplies:
    """Makes each thing when a page first asks for it."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        """Return where the thing of that name lies, None where there is none."""
        return getattr(self, name) if name in NAMES else None

    @cached_property
    def STUDIES(self):
        for index in range(3):
            self._draw(index)
        return self.folder / "studies"

    @cached_property
    def TRUTH(self):
        return self.STUDIES.parent / "truth"

    @cached_property
    def STUDY(self):
        return self.STUDIES / "0001"

    @cached_property
    def practice(self):
        """What `cipa phantom --dicom` writes, a tenth of it."""
        for part in (self.STUDIES, self.TRUTH):
            shutil.copytree(part, self.folder / "practice" / part.name)
        return self.folder / "practice"

    @cached_property
    def MASK(self):
        return self.TRUTH / "0001.nii.gz"

    @cached_property
    def NIFTI(self):
        """A folder a patient with CT.nii.gz, SUV.nii.gz and tumour.nii.gz."""
        from cipa.inference.inputs import read_input

        for study in sorted(self.STUDIES.iterdir()):
            pair, folder = read_input(study), self.folder / "nifti" / study.name
            folder.mkdir(parents=True)
            for name, volume in (("CT", pair.ct), ("SUV", pair.pet)):
                nibabel.save(nibabel.Nifti1Image(volume.array, volume.affine), folder / f"{name}.nii.gz")
            (folder / "tumour.nii.gz").write_bytes((self.TRUTH / f"{study.name}.nii.gz").read_bytes())
        return self.folder / "nifti"

    @cached_property
    def DATA(self):
        words = [str(self.NIFTI), "--ct", "*/CT.nii.gz", "--pet", "*/SUV.nii.gz", "--mask", "*/tumour.nii.gz"]
        words += ["--image-size", str(SIZE), "--slices", "all", "--test-last", "1", "--workers", "1"]
        assert main(["convert", *words, "-o", str(self.folder / "data")]) == 0
        return self.folder / "data"

    @cached_property
    def RUN(self):
        words = [str(self.DATA), "-o", str(self.folder / "run"), *TRAINING, "--validation-fraction", "0.4"]
        assert main(["train", *words]) == 0
        return self.folder / "run"

    @cached_property
    def TEST(self):
        words = [str(self.DATA), "--weights", str(self.RUN), "--device", "cpu"]
        assert main(["evaluate", *words, "-o", str(self.folder / "test")]) == 0
        return self.folder / "test"

    def _draw(self, index):
        """Write a phantom study of a few slices about its largest tumour, and its truth."""
        patient = draw_patient(5, index, SIZE, (4, WHOLE), healthy=1.0)
        middle = int(np.argmax(patient.mask.sum(axis=(1, 2))))
        first = min(max(middle - SLICES // 2, 0), len(patient.numbers) - SLICES)
        kept = slice(first, first + SLICES)
        patient = replace(
            patient,
            ct_hu=patient.ct_hu[kept],
            pet=patient.pet[kept],
            mask=patient.mask[kept],
            numbers=patient.numbers[kept],
        )
        name = f"{index + 1:04d}"
        write_study(self.folder / "studies" / name, patient, describe_study(name, 5, index, SLICES))
        (self.folder / "truth").mkdir(exist_ok=True)
        truth = nibabel.Nifti1Image(patient.mask.transpose(2, 1, 0), study_affine(patient))
        nibabel.save(truth, self.folder / "truth" / f"{name}.nii.gz")
