"""Studies on disk, small and made on the spot: no two axes alike, so that no flip goes unnoticed."""

import nibabel
import numpy as np
import pytest
from nibabel.affines import from_matvec
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

SHAPE = (26, 22, 7)
LPS = from_matvec(np.diag([-1.0, -1.0, 3.0]), [13.0, 11.0, -9.0])
"""Voxels run to the patient's left, back and head: image [:, :, k].T is what a radiologist sees."""


class Study:
    """Writes CT, PET and mask of patients as ROOT/<patient>/CT.nii.gz, PET.nii.gz and mask.nii.gz."""

    def __init__(self, root):
        self.root = root
        random = np.random.default_rng(0)
        self.ct = random.integers(-1000, 200, SHAPE).astype(np.int16)
        self.pet = random.uniform(0, 20, SHAPE).astype(np.float32)
        self.mask = np.zeros(SHAPE, np.uint8)
        self.mask[3:9, 15:20, 1:5] = random.integers(0, 2, (6, 5, 4))
        self.mask[3, 15, 1:5] = 1

    def save(self, patient, kind, array, affine=LPS, codes="LPS"):
        image = nibabel.Nifti1Image(array, affine)
        turned = image.as_reoriented(ornt_transform(io_orientation(affine), axcodes2ornt(codes)))
        turned.header.set_qform(turned.affine, 1)
        turned.header.set_sform(turned.affine, 2)
        path = self.root / patient / f"{kind}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(turned, path)
        return path

    def add(self, patient, codes="LPS"):
        for kind, array in (("CT", self.ct), ("PET", self.pet), ("mask", self.mask)):
            self.save(patient, kind, array, codes=codes)


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path / "study")
