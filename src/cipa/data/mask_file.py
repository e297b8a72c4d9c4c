"""A tumour mask from whatever file holds it: NIfTI, DICOM SEG or RTSTRUCT, as voxels of the CT."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cipa.data.tumour import Label, tumour_on_ct
from cipa.errors import DataError, UsageError
from cipa.io.checks import VolumeWarning
from cipa.io.dicom.objects.read_regions import read_regions
from cipa.io.dicom.source import looks_like_dicom
from cipa.io.nifti import read_volume
from cipa.io.volume import Volume


@dataclass(frozen=True)
class MaskFile:
    """What was read.

    Attributes:
        tumour: bool, of the CT's shape.
        names: of the segments or ROIs that it is made of; none of NIfTI.
        warnings: what was assumed, left out or contradicts itself, one line each, with the file's name.
    """

    tumour: npt.NDArray[np.bool_]
    names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_mask_file(
    path: Path,
    ct: Volume,
    pet: Volume | None = None,
    *,
    frame: str = "",
    label: Label | None = None,
    regions: Sequence[str] = (),
    needed: bool = True,
) -> MaskFile:
    """Read a mask on the CT's grid.

    Args:
        path: NIfTI (labels), DICOM SEG or RTSTRUCT.
        ct: the CT.
        pet: the PET, on whose slices contours may be drawn.
        frame: Frame of Reference UID of CT and PET, empty where it is not known.
        label: NIfTI: the value that is tumour, as `tumour_on_ct` takes it.
        regions: SEG and RTSTRUCT: names or patterns of what is tumour, taken together.
        needed: whether an empty mask is refused; else it is a patient without tumour.

    Raises:
        DataError: as `read_regions`, `read_volume` and `tumour_on_ct`; the mask is empty and needed.
        UsageError: `label` for DICOM, `regions` for NIfTI.
    """
    if not looks_like_dicom(path):
        return _of_nifti(path, ct, label, regions, needed)
    if label is not None:
        raise UsageError(f"--label {label}: {path} is DICOM; choose its segment or ROI with --region NAME")
    found = read_regions(path, ct, pet, frame, regions)
    tumour, lines = found.join(), [f"{path.name}: {line}" for line in found.warnings]
    if not tumour.any():
        if needed:
            raise DataError(f"{path}: an empty mask; draw the tumour, or leave the patient out")
        lines.append(f"{path.name}: an empty mask, taken as a patient without tumour")
    return MaskFile(tumour, found.names, tuple(lines))


def _of_nifti(path: Path, ct: Volume, label: Label | None, regions: Sequence[str], needed: bool) -> MaskFile:
    if regions:
        raise UsageError(f"--region {regions[0]}: {path} is NIfTI; choose its value with --label N")
    mask = read_volume(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", VolumeWarning)
        tumour = tumour_on_ct(mask, ct, label, needed)
    lines = [f"{mask.name}: {line}" for line in mask.warnings] + [str(one.message) for one in caught]
    return MaskFile(tumour, (), tuple(lines))
