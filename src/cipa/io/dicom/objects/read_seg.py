"""Segments of a DICOM SEG as masks on the CT's grid, read by highdicom."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from cipa.errors import DataError
from cipa.io.dicom.geometry import LPS_TO_RAS
from cipa.io.dicom.objects.document import is_own
from cipa.io.dicom.objects.regions import Regions, choose_regions, mask_to_grid
from cipa.io.dicom.tags import text
from cipa.io.volume import Volume

if TYPE_CHECKING:
    from highdicom.seg import Segmentation


def read_seg(file: BinaryIO, ct: Volume, frame: str, wanted: Sequence[str]) -> Regions:
    """Read segments; arguments and errors as `cipa.io.dicom.objects.read_regions.read_regions` says."""
    from highdicom.seg import segread

    seg = segread(file)
    if text(seg, "SegmentationType").upper() == "FRACTIONAL":
        kind = text(seg, "SegmentationFractionalType").lower() or "of unknown kind"
        raise DataError(f"a SEG with fractional values ({kind}), which is no mask; export a binary SEG")
    own = text(seg, "FrameOfReferenceUID")
    if own and frame and own != frame:
        raise DataError("drawn in another frame of reference than the CT's; give the SEG of this study")
    numbers = list(seg.segment_numbers)
    names = [seg.get_segment_description(number).segment_label for number in numbers]
    chosen = choose_regions(names, wanted, "segment", is_own(seg))
    masks, warnings = [], []
    for index in chosen:
        try:
            mask, lines = _read_segment(seg, numbers[index], ct)
        except DataError as error:
            raise DataError(f"segment '{names[index]}': {error}") from None
        masks.append(mask)
        warnings += [f"segment '{names[index]}': {line}" for line in lines]
    return Regions(tuple(names[index] for index in chosen), tuple(masks), tuple(warnings))


def _read_segment(seg: "Segmentation", number: int, ct: Volume) -> tuple[np.ndarray, list[str]]:
    volume = seg.get_volume(segment_numbers=[number], dtype=np.uint8, combine_segments=True)
    mask = np.asarray(volume.array).T > 0  # slices, rows, columns as highdicom has them
    affine = (LPS_TO_RAS @ volume.affine)[:, [2, 1, 0, 3]]
    on_ct = mask_to_grid(mask, affine, ct)
    if mask.any() and not on_ct.any():
        raise DataError("none of it lies within the CT; is it of the same study?")
    ends = _beyond(mask, affine, ct)
    return on_ct, [f"{ends:,} of its voxels lie beyond the CT and are left out"] if ends else []


def _beyond(mask: np.ndarray, affine: np.ndarray, ct: Volume) -> int:
    """Count voxels of a mask whose centres lie outside the CT."""
    places = np.argwhere(mask)
    step = np.linalg.inv(ct.affine) @ affine
    indices = places @ step[:3, :3].T + step[:3, 3]
    outside = (indices < -0.5) | (indices > np.array(ct.shape) - 0.5)
    return int(np.count_nonzero(outside.any(axis=1)))
