"""Patients' volumes and phantoms to bytes: PATIENT.npz with ct, pet, mask and spacing."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cipa.files import atomic_file
from cipa.parallel import runner
from recipes.patients.codes import encode_ct, encode_pet

PIXEL = 500 / 256 * 0.75
"""Millimetres a pixel that patients are kept at, 1.46: a crop of 250 mm then fills 171 pixels."""

SIZE = 256
"""Pixels a side of phantoms, over 500 mm."""


def prepare_patients(volumes: Path, out: Path) -> None:
    """Write every patient of a folder of CT.nii*, PET_SUV.nii* and GTV_CT.nii* as bytes, unless there."""
    out.mkdir(parents=True, exist_ok=True)
    for folder in sorted(path.parent for path in volumes.glob("*/CT.nii*")):
        target = out / f"{folder.name}.npz"
        if not target.is_file():
            _save(target, *_read(folder))


def draw_phantoms(out: Path, patients: int, seed: int, workers: int) -> None:
    """Draw whole phantoms, uncompressed, unless there."""
    out.mkdir(parents=True, exist_ok=True)
    with runner(workers) as run:
        for _ in run(partial(_draw, out, seed), range(patients)):
            pass


def _draw(out: Path, seed: int, index: int) -> int:
    from cipa.phantom.patient import WHOLE, draw_patient

    target = out / f"phantom-{seed}-{index:04d}.npz"
    if not target.is_file():
        patient = draw_patient(seed, index, SIZE, (4, WHOLE), healthy=1.0)
        flip = slice(None, None, -1)  # from the feet up, as patients are read
        _save(
            target, patient.ct_hu[flip], patient.suv[flip], patient.mask[flip], patient.spacing, packed=False
        )
    return index


def _read(folder: Path) -> tuple[NDArray, NDArray, NDArray, tuple[float, float, float]]:
    from cipa.io.grid import resample
    from cipa.io.nifti import read_volume
    from cipa.io.orientation import axial_stack, spacing

    ct, pet, mask = (read_volume(next(folder.glob(f"{name}.nii*"))) for name in ("CT", "PET_SUV", "GTV_CT"))
    hu, affine = axial_stack(ct.array, ct.affine)
    truth, _ = axial_stack(mask.array, mask.affine)
    suv = resample(pet.array, pet.affine, affine, hu.shape)
    step = spacing(affine)
    planes = [_shrink(np.asarray(each, np.float32), step) for each in (hu, suv, truth > 0)]
    return planes[0], planes[1], (planes[2] >= 0.5).astype(np.uint8), (step[0], PIXEL, PIXEL)


def _shrink(stack: NDArray[np.float32], step: tuple[float, float, float]) -> NDArray[np.float32]:
    """Average (S, H, W) to PIXEL: a box of the pixel's width, then cubic-free sampling at new centres."""
    factor = [PIXEL / step[1], PIXEL / step[2]]
    shape = [round(length / by) for length, by in zip(stack.shape[1:], factor, strict=True)]
    smooth = ndimage.gaussian_filter(stack, (0, 0.35 * factor[0], 0.35 * factor[1]), mode="nearest")
    rows, columns = (
        (np.arange(count) + 0.5) * length / count - 0.5
        for count, length in zip(shape, stack.shape[1:], strict=True)
    )
    grid = np.meshgrid(rows, columns, indexing="ij")
    return np.stack([ndimage.map_coordinates(plane, grid, order=1, mode="nearest") for plane in smooth])


def _save(
    target: Path,
    hu: NDArray,
    suv: NDArray,
    mask: NDArray,
    step: tuple[float, float, float],
    packed: bool = True,
) -> None:
    arrays = {"ct": encode_ct(hu), "pet": encode_pet(suv), "mask": mask.astype(np.uint8)}
    write = np.savez_compressed if packed else np.savez
    with atomic_file(target) as partial_file, partial_file.open("wb") as file:
        write(file, **arrays, spacing=np.array(step))


def read_files(folder: Path, names: list[str] | None = None) -> Iterator[tuple[str, dict[str, NDArray]]]:
    """Yield name and arrays of every patient of a folder, or of those named."""
    for path in sorted(folder.glob("*.npz")):
        if names is None or path.stem in names:
            with np.load(path) as arrays:
                yield path.stem, dict(arrays)
