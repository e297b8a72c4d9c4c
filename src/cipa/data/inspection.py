"""Inspects one slice: whether its images exist, are readable, grey and of one size, and its mask is one."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cipa.data.findings import Finding, Kind
from cipa.data.layout import FOREGROUND, IMAGES, image_path
from cipa.errors import DataError
from cipa.io.png import read_grey


@dataclass
class Inspection:
    """What one slice's images hold.

    Attributes:
        slice_id: the slice.
        sizes: (width, height) in pixels by file below the data set's folder, readable ones only.
        tumour_area: pixels of the mask that are tumour; None without a readable mask.
        findings: what is wrong with a single image; sizes are for the whole data set to judge.
    """

    slice_id: str
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    tumour_area: int | None = None
    findings: list[Finding] = field(default_factory=list)


def inspect_slice(root: Path, slice_id: str, there: Collection[str]) -> Inspection:
    """Read the images of a slice. Meant for many threads: decoding a PNG releases the GIL.

    Args:
        root: the data set's folder.
        slice_id: the slice.
        there: which of its images, "CT", "PET" and "mask", exist.

    Returns:
        Sizes, tumour area and findings; nothing about an image is raised.
    """
    inspection = Inspection(slice_id)
    for image in IMAGES:
        path = image_path(root, slice_id, image)
        where = path.relative_to(root).as_posix()
        if image not in there:
            inspection.findings.append(Finding(Kind.MISSING_FILE, where))
            continue
        try:
            grey = read_grey(path)
        except (DataError, OSError) as error:
            reason = str(error).removeprefix(f"{path}: ")
            inspection.findings.append(Finding(Kind.UNREADABLE_FILE, where, reason))
            continue
        inspection.sizes[where] = (grey.shape[1], grey.shape[0])
        if image == "mask":
            _inspect_mask(grey, where, inspection)
    return inspection


def _inspect_mask(grey: npt.NDArray[np.uint8], where: str, inspection: Inspection) -> None:
    inspection.tumour_area = int(np.count_nonzero(grey >= FOREGROUND))
    between = grey[(grey != 0) & (grey != 255)]
    if between.size:
        detail = f"{between.size} pixels of {between.min()} to {between.max()} where only 0 and 255 belong"
        inspection.findings.append(Finding(Kind.NOT_BINARY, where, detail))
    elif inspection.tumour_area == 0:
        inspection.findings.append(Finding(Kind.EMPTY_MASK, where))
