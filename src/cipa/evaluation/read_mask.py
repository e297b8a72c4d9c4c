"""A mask file as voxels of the CT: on its grid, or refused.

Truth and masks of other tools are read alike: NIfTI, and DICOM SEG and RTSTRUCT (`read_regions`).
"""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from cipa.data.tumour import tumour_on_ct, whole_labels
from cipa.errors import DataError
from cipa.evaluation.mask_files import nifti_stem
from cipa.io.checks import VolumeWarning
from cipa.io.dicom.objects.read_regions import read_regions
from cipa.io.dicom.source import looks_like_dicom
from cipa.io.grid import same_grid
from cipa.io.nifti import read_volume
from cipa.io.orientation import axial_stack, spacing
from cipa.io.volume import Volume

SAME_MM = 0.1
"""Millimetres by which voxels of one grid may lie apart: a qform keeps its rotation as float32 and is off by
0.05 mm at the corner of 500 mm. A tenth of a millimetre is a tenth of a voxel at most."""

Mask = tuple[npt.NDArray[np.bool_], tuple[str, ...]]
"""Voxels of the CT's shape, and what a reader must know of how they were made."""


@dataclass(frozen=True)
class MaskReading:
    """How masks are read.

    Attributes:
        label: NIfTI: value that is tumour; None for whatever is not 0, if that is one value.
        regions: SEG and RTSTRUCT: names or patterns of what is tumour; none for the only one that is there.
        resample: take NIfTI of another grid to the CT's by the nearest voxel, instead of refusing it.
        of: what the masks are, by which the options are called that give the two above.
    """

    label: int | None = None
    regions: tuple[str, ...] = ()
    resample: bool = False
    of: Literal["truth", "mask"] = "mask"


READ_TRUTH, READ_MASK = MaskReading(of="truth"), MaskReading()
"""What holds where nobody says otherwise."""


@dataclass(frozen=True)
class Target:
    """The images a mask is of.

    Attributes:
        ct: whose grid is wanted.
        pet: on whose slices contours may be drawn as well.
        frame: Frame of Reference UID of both; empty where it is not known.
    """

    ct: Volume
    pet: Volume | None = None
    frame: str = ""


def read_truth(path: Path, target: Target, reading: MaskReading) -> Mask:
    """Read the truth of a study.

    Args:
        path: NIfTI, DICOM SEG or RTSTRUCT file.
        target: the study's images.
        reading: what of the file is tumour.

    Returns:
        Its voxels; an empty mask is a patient without tumour, which is said.

    Raises:
        DataError: the file cannot be read, holds no labels or several, or is of another grid.
    """
    truth, lines = read_mask(path, target, reading)
    if truth.any():
        return truth, lines
    return truth, (*lines, f"{path.name}: an empty mask, taken as a patient without tumour")


def read_mask(path: Path, target: Target, reading: MaskReading) -> Mask:
    """Read a mask as `read_truth` does, but accept an empty one without a warning."""
    if nifti_stem(path) is not None:
        return _read_nifti(path, target.ct, reading)
    if not looks_like_dicom(path):
        raise DataError(f"{path}: no NIfTI, DICOM SEG or RTSTRUCT; give the mask as .nii.gz on the CT's grid")
    try:
        found = read_regions(path, target.ct, target.pet, target.frame, reading.regions)
    except DataError as error:
        raise DataError(str(error).replace("--region", f"--{reading.of}-region")) from error
    return found.join(), tuple(f"{path.name}: {line}" for line in found.warnings)


def _read_nifti(path: Path, ct: Volume, reading: MaskReading) -> Mask:
    mask = read_volume(path)
    lines = [f"{path.name}: {line}" for line in mask.warnings]
    marked = _choose(whole_labels(mask), mask.name, reading, lines)
    mask = _turn_to(replace(mask, array=marked.view(np.uint8)), ct)
    if same_grid(mask.affine, mask.shape, ct.affine, ct.shape, SAME_MM):
        return mask.array.astype(bool), tuple(lines)
    if not reading.resample:
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
    labels: npt.NDArray[np.integer], name: str, reading: MaskReading, lines: list[str]
) -> npt.NDArray[np.bool_]:
    """Return where the label is tumour; add a line where other labels are there and that one is not."""
    found = np.unique(labels[labels != 0]).tolist()
    known = ", ".join(map(str, found[:5])) + ", ..." * (len(found) > 5)
    label = reading.label
    if label is None:
        if len(found) > 1:
            way_out = f"say with --{reading.of}-label which is tumour"
            raise DataError(f"{name}: several values ({known}); {way_out}")
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
