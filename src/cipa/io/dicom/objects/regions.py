"""What was drawn in a SEG or RTSTRUCT, by name, on the CT's grid."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError
from cipa.io.dicom.objects.lesion import LABEL
from cipa.io.grid import resample
from cipa.io.volume import Volume

OWN_NAME = re.compile(re.escape(LABEL).replace(re.escape("{}"), r"\d+"))
"""What this project calls a lesion."""

MOST_NAMES = 8
"""Names that an error lists."""

Affine = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Regions:
    """Segments of a SEG or ROIs of an RTSTRUCT.

    Attributes:
        names: of them, without the patient's identity.
        masks: bool, of the CT's shape; they may overlap.
        warnings: what was assumed, left out or contradicts itself, one line each.
    """

    names: tuple[str, ...]
    masks: tuple[npt.NDArray[np.bool_], ...]
    warnings: tuple[str, ...] = ()

    def join(self) -> npt.NDArray[np.bool_]:
        """Return where any of them is."""
        joined = self.masks[0].copy()
        for mask in self.masks[1:]:
            joined |= mask
        return joined


def choose_regions(names: Sequence[str], wanted: Sequence[str], kind: str, is_own: bool = False) -> list[int]:
    """Return which regions are meant.

    Args:
        names: of all that are there.
        wanted: names, or patterns in which `*` stands for any text and `?` for a character; upper and lower
            case are one. None wanted is all, if that is one.
        kind: `segment` or `ROI`.
        is_own: whether this project wrote the file. If nothing was added to it, all its regions are lesions,
            and none wanted is all of them.

    Returns:
        Indices, in the order of `names`.

    Raises:
        DataError: there is none, none has a name wanted, or several are there and no name is given.
    """
    there = ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
    if not names:
        raise DataError(f"holds no {kind}; draw the tumour, or leave the patient out")
    if not wanted:
        if len(names) > 1 and not (is_own and all(map(OWN_NAME.fullmatch, names))):
            raise DataError(
                f"{len(names)} {kind}s ({there}); say with --region which are tumour, '*' for all of them"
            )
        return list(range(len(names)))
    chosen: set[int] = set()
    for one in wanted:
        folded = one.casefold()
        found = {
            index
            for index, name in enumerate(names)
            if name.casefold() == folded or fnmatchcase(name.casefold(), folded)
        }
        if not found:
            raise DataError(f"no {kind} is called '{one}', but {there}; choose one of these with --region")
        chosen |= found
    return sorted(chosen)


def mask_to_grid(mask: npt.NDArray[np.bool_], affine: Affine, ct: Volume) -> npt.NDArray[np.bool_]:
    """Take a mask to the CT's grid by the nearest voxel; only about where it lies is anything computed.

    Args:
        mask: (I, J, K).
        affine: (4, 4), its indices to world millimetres, RAS+.
        ct: the CT.

    Returns:
        bool of the CT's shape, in its memory order.
    """
    found = np.zeros_like(ct.array, dtype=bool)
    there = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    if not all(len(indices) for indices in there):
        return found
    step = np.linalg.inv(ct.affine) @ affine
    ends = ((int(indices[0]) - 1, int(indices[-1]) + 1) for indices in there)
    corners = np.array([[*corner, 1.0] for corner in product(*ends)]) @ step[:3].T
    low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, ct.shape)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 0, ct.shape)
    if (high <= low).any():
        return found
    first = ct.affine.copy()
    first[:, 3] = ct.affine @ [*low, 1.0]
    size = (int(high[0] - low[0]), int(high[1] - low[1]), int(high[2] - low[2]))
    box = tuple(slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))
    found[box] = resample(mask.view(np.uint8), affine, first, size, nearest=True) > 0
    return found
