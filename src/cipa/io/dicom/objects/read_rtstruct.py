"""ROIs of an RTSTRUCT as masks on the CT's grid (DICOM PS3.3 C.8.8.6).

Contours lie in slices of the CT or of the PET. They are filled by the centres of the CT's voxels, and one in
a PET slice fills the CT slices that are nearest to it. All contours of one ROI in one slice are taken
together by the even-odd rule: a contour within another is a hole, and one within that an island.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.objects.contour_slices import Contour, place_contours
from cipa.io.dicom.objects.document import is_own
from cipa.io.dicom.objects.regions import Regions, choose_regions
from cipa.io.dicom.objects.winding import winding_numbers
from cipa.io.dicom.tags import number, numbers, text, value
from cipa.io.volume import Volume

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


@dataclass(frozen=True)
class _Shape:
    """A contour in its slice.

    Attributes:
        inside: bool, columns and rows, by the even-odd rule.
        crossed: voxels that the two rules do not agree on, or about which it turns the other way.
    """

    inside: npt.NDArray[np.bool_]
    crossed: int


def read_rtstruct(
    header: Dataset, ct: Volume, pet: Volume | None, frame: str, wanted: Sequence[str]
) -> Regions:
    """Fill ROIs; arguments and errors as `cipa.io.dicom.objects.read_regions.read_regions` says."""
    rois = list(value(header, "StructureSetROISequence") or ())
    chosen = choose_regions([_name(roi) for roi in rois], wanted, "ROI", is_own(header))
    drawn = {number(one, "ReferencedROINumber"): one for one in value(header, "ROIContourSequence") or ()}
    masks, warnings = [], []
    for roi in (rois[index] for index in chosen):
        try:
            _check_frame(roi, frame)
            contours = _contours(drawn.get(number(roi, "ROINumber")), ct)
            mask, lines = _fill(contours, ct, pet)
        except DataError as error:
            raise DataError(f"ROI '{_name(roi)}': {error}") from None
        masks.append(mask)
        warnings += [f"ROI '{_name(roi)}': {line}" for line in lines]
    return Regions(tuple(_name(rois[index]) for index in chosen), tuple(masks), tuple(warnings))


def _name(roi: Dataset) -> str:
    return text(roi, "ROIName") or f"number {text(roi, 'ROINumber')}"


def _check_frame(roi: Dataset, frame: str) -> None:
    own = text(roi, "ReferencedFrameOfReferenceUID")
    if own and frame and own != frame:
        raise DataError("drawn in another frame of reference than the CT's; give the RTSTRUCT of this study")


def _contours(drawn: Dataset | None, ct: Volume) -> list[Contour]:
    """Return the closed contours of an ROI."""
    to_ct = np.linalg.inv(ct.affine) @ np.diag([-1.0, -1.0, 1.0, 1.0])
    found = []
    for contour in (value(drawn, "ContourSequence") or ()) if drawn is not None else ():
        kind, points = text(contour, "ContourGeometricType").upper(), _points(contour)
        if kind not in CLOSED and not (kind == "" and len(points) > 2):
            raise DataError(
                f"a contour is {kind or 'of no type'}, which encloses nothing; close or delete it"
            )
        if len(points) > 2:
            found.append(np.c_[points, np.ones(len(points))] @ to_ct[:3].T)
    if not found:
        raise DataError("no contour is drawn; draw it, or choose another with --region")
    return found


def _points(contour: Dataset) -> npt.NDArray[np.float64]:
    """Return the corners of a contour, (n, 3), LPS millimetres."""
    data = value(contour, "ContourData")
    count = len(data) if data is not None and not isinstance(data, str) else 0
    found = numbers(contour, "ContourData", count) if count and count % 3 == 0 else None
    if found is None:
        raise DataError("Contour Data (3006,0050) is no list of points of three numbers; export it again")
    return np.reshape(np.array(found), (-1, 3))


def _fill(contours: list[Contour], ct: Volume, pet: Volume | None) -> tuple[npt.NDArray[np.bool_], list[str]]:
    """Fill contours in the slices that they lie in."""
    mask = np.zeros_like(ct.array, dtype=bool)
    shapes: dict[int, list[_Shape]] = defaultdict(list)
    placed = place_contours(contours, ct, pet)
    for contour, places in zip(contours, placed, strict=True):
        shape = _shape(contour, (ct.shape[0], ct.shape[1])) if places else None
        for index in places:
            assert shape is not None
            shapes[index].append(shape)
    lines = []
    outside = sum(not places for places in placed)
    if outside == len(contours):
        raise DataError("no contour lies within the CT; is it of the same study?")
    if outside:
        lines.append(f"{outside} of {len(contours)} contours lie beyond the CT and are left out")
    lines += _apart(sorted(shapes))
    twice = overlapping = crossed = 0
    for index, there in shapes.items():
        distinct = _distinct(there)
        twice += len(there) - len(distinct)
        overlapping += _overlaps(distinct)
        crossed += sum(shape.crossed for shape in distinct)
        mask[:, :, index] = np.logical_xor.reduce([shape.inside for shape in distinct])
    for count, what in (
        (twice, "contours are there twice and are taken once"),
        (overlapping, "pairs of contours overlap: what is in both is taken as outside (even-odd rule)"),
        (crossed, "voxels lie where a contour crosses itself and are taken by the even-odd rule"),
    ):
        if count:
            lines.append(f"{count} {what}")
    return mask, lines


def _shape(contour: Contour, shape: tuple[int, int]) -> _Shape:
    turns = winding_numbers(contour[:, :2], shape)
    inside = turns % 2 == 1
    forward, backward = int(np.count_nonzero(turns > 0)), int(np.count_nonzero(turns < 0))
    return _Shape(inside, int(np.count_nonzero((turns != 0) & ~inside)) + min(forward, backward))


def _apart(slices: list[int]) -> Iterator[str]:
    """Say that an ROI was drawn on every other slice or fewer, which leaves gaps."""
    steps = np.diff(slices)
    if len(steps) and steps.min() > 1:
        yield (
            f"drawn on {len(slices)} slices of the {slices[-1] - slices[0] + 1} from its first to its last: "
            "those between are left empty"
        )


def _distinct(shapes: list[_Shape]) -> list[_Shape]:
    """Leave out what is the same as another: by the even-odd rule two would be nothing."""
    found: list[_Shape] = []
    for shape in shapes:
        if not any(np.array_equal(shape.inside, other.inside) for other in found):
            found.append(shape)
    return found


def _overlaps(shapes: list[_Shape]) -> int:
    """Count pairs that share voxels without one lying in the other."""
    count = 0
    for index, one in enumerate(shapes):
        for other in shapes[:index]:
            shared = np.count_nonzero(one.inside & other.inside)
            sizes = (np.count_nonzero(one.inside), np.count_nonzero(other.inside))
            count += bool(shared and shared not in sizes)
    return count
