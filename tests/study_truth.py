"""Small NIfTI studies with truth, for tests of evaluation."""

import nibabel
import numpy as np

SHAPE = (24, 20, 6)
AFFINE = np.array([[-2.0, 0, 0, 24], [0, -2.0, 0, 20], [0, 0, 3.0, -9], [0, 0, 0, 1.0]])
"""Columns to the patient's left, rows to the back, slices to the head: voxels of 12 uL."""

BOX = (slice(6, 12), slice(5, 10), slice(2, 5))
"""Tumour of 90 voxels, SUV 15."""


def box_mask(box=BOX, value=1, dtype=np.uint8):
    mask = np.zeros(SHAPE, dtype)
    if box is not None:
        mask[box] = value
    return mask


def write_nifti(path, array, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return path


def write_case(folder, truth=BOX, prefix="", name="truth"):
    """Write CT and PET with one hot box, and a truth beside them unless its name is empty."""
    ct, suv = np.full(SHAPE, 40, np.int16), np.full(SHAPE, 0.5, np.float32)
    ct[0], suv[BOX] = -1000, 15
    write_nifti(folder / f"{prefix}ct.nii.gz", ct)
    write_nifti(folder / f"{prefix}pet.nii.gz", suv)
    if name:
        write_nifti(folder / f"{prefix}{name}.nii.gz", box_mask(truth))
    return folder
