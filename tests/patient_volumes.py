"""Volumes of a patient as the recipe of `recipes/patients` reads them."""

import nibabel
import numpy as np


def write_patient(folder, rows, columns, slices=4, thickness=3.27):
    """Write CT, PET and truth of a ball of 24 mm in the middle of a crop."""
    spacing = np.array([0.977, 0.977, thickness])
    shape = (columns, rows, slices)
    grid = np.indices(shape).astype(np.float32)
    away = np.sqrt(sum(((grid[a] - shape[a] / 2) * spacing[a]) ** 2 for a in range(3)), dtype=np.float32)
    ball = away < 24
    folder.mkdir(parents=True)
    arrays = {"CT": np.where(ball, 60, -90), "PET_SUV": np.where(ball, 9.0, 0.7), "GTV_CT": ball}
    for name, array in arrays.items():
        image = nibabel.Nifti1Image(array.astype(np.float32), np.diag([*spacing, 1.0]))
        nibabel.save(image, folder / f"{name}.nii.gz")
