"""A mask file as voxels of a CT: on its grid, or refused.

Truth and masks of other tools are read alike. What a file may be is decided here alone: NIfTI today.
"""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cipa.data.convert.tumour import tumour_on_ct, whole_labels
from cipa.errors import DataError
from cipa.evaluation.mask_files import nifti_stem
from cipa.io.checks import VolumeWarning
from cipa.io.grid import same_grid
from cipa.io.nifti import read_volume
from cipa.io.orientation import axial_stack, spacing
from cipa.io.volume import Volume

SAME_MM = 0.1
"""Millimetres by which voxels of one grid may lie apart: a qform keeps its rotation as float32 and is off by
0.05 mm at the corner of 500 mm. A tenth of a millimetre is a tenth of a voxel at most."""

Mask = tuple[npt.NDArray[np.bool_], tuple[str, ...]]
"""Voxels of the CT's shape, and what a reader must know of how they were made."""


def read_truth(path: Path, ct: Volume, label: int | None = None, resample: bool = False) -> Mask:
    """Read the truth of a study.

    Args:
        path: NIfTI file.
        ct: whose grid is wanted.
        label: value that is tumour; None for whatever is not 0, if that is one value.
        resample: take a mask of another grid to the CT's by the nearest voxel, instead of refusing it.

    Returns:
        Its voxels; an empty mask is a patient without tumour, which is said.

    Raises:
        DataError: the file cannot be read, holds no labels or several, or is of another grid.
    """
    truth, lines = read_mask(path, ct, label, resample, "--truth-label")
    if truth.any():
        return truth, lines
    return truth, (*lines, f"{path.name}: an empty mask, taken as a patient without tumour")


def read_mask(
    path: Path, ct: Volume, label: int | None = None, resample: bool = False, flag: str = "--mask-label"
) -> Mask:
    """Read a mask as `read_truth` does, and say nothing of one that is empty.

    Args:
        path: as `read_truth` takes it, like the three below.
        ct: whose grid is wanted.
        label: value that is tumour.
        resample: whether another grid is resampled.
        flag: the option that gives `label`, for the refusal of several values.

    Raises:
        DataError: as `read_truth`.
    """
    if nifti_stem(path) is None:
        raise DataError(f"{path}: no NIfTI; give the mask as .nii.gz on the grid of the CT")
    mask = read_volume(path)
    lines = [f"{path.name}: {line}" for line in mask.warnings]
    marked = _choose(whole_labels(mask), mask.name, label, flag, lines)
    mask = _turn_to(replace(mask, array=marked.view(np.uint8)), ct)
    if same_grid(mask.affine, mask.shape, ct.affine, ct.shape, SAME_MM):
        return mask.array.astype(bool), tuple(lines)
    if not resample:
        raise DataError(
            f"{path}: {_grid(mask)}, but the CT has {_grid(ct)}; give a mask on the CT's grid, or take it "
            "there with --resample"
        )
    if not mask.array.any():
        return np.zeros(ct.shape, bool), tuple(lines)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", VolumeWarning)
        on_ct = tumour_on_ct(replace(mask, name=path.name), ct)
    return on_ct, (*lines, *(str(warning.message) for warning in caught))


def _choose(
    labels: npt.NDArray[np.integer], name: str, label: int | None, flag: str, lines: list[str]
) -> npt.NDArray[np.bool_]:
    """Return where the label is tumour; add a line where other labels are there and that one is not."""
    found = np.unique(labels[labels != 0]).tolist()
    known = ", ".join(map(str, found[:5])) + ", ..." * (len(found) > 5)
    if label is None:
        if len(found) > 1:
            raise DataError(f"{name}: several values ({known}); say with {flag} which is tumour")
        return labels != 0
    if found and label not in found:
        lines.append(f"{Path(name).name}: no voxel has label {label}, but {known}: taken as without tumour")
    return labels == label


def _turn_to(mask: Volume, ct: Volume) -> Volume:
    """Give a mask the CT's order and direction of axes, which costs no voxel: NIfTI has 48 of them."""
    stack, world = axial_stack(mask.array, mask.affine)
    ct_stack, ct_world = axial_stack(ct.array, ct.affine)
    if not same_grid(world, stack.shape, ct_world, ct_stack.shape, SAME_MM):
        return mask
    turned = np.empty(ct.shape, mask.array.dtype)
    axial_stack(turned, ct.affine)[0][:] = stack
    return replace(mask, array=turned, affine=ct.affine)


def _grid(volume: Volume) -> str:
    """Describe a grid: voxels along x, y and z, their edges, and the world position of the first."""
    stack, world = axial_stack(volume.array, volume.affine)
    voxels = " x ".join(map(str, stack.shape[::-1]))
    edges = " x ".join(f"{edge:.4g}" for edge in spacing(world)[::-1])
    start = ", ".join(f"{value:.4g}" for value in world[:3, 3])
    return f"{voxels} voxels of {edges} mm from ({start})"
