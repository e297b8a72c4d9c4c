"""A lesion as DICOM objects name it: SEG, SR and RTSTRUCT of one result agree by these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydicom.uid import generate_uid

LABEL = "Lesion {}"
"""Segment label, ROI name and tracking identifier."""

NO_LESION = "Tumour"
"""Label of the one empty segment of a result without a lesion: a SEG has one at least."""


@dataclass(frozen=True)
class Algorithm:
    """What drew a mask, as DICOM asks for it.

    Attributes:
        name: such as `CIPA nano`.
        version: of the software.
        kind: AUTOMATIC, SEMIAUTOMATIC or MANUAL, Segment Algorithm Type (0062,0008).
    """

    name: str
    version: str
    kind: Literal["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"] = "AUTOMATIC"


@dataclass(frozen=True)
class LesionObject:
    """One lesion.

    Attributes:
        number: 1 to N, the value of its voxels in the label map.
        box: columns, rows and slices of the label map that hold it.
        values: its measurements by the names of their columns in `lesions.csv`; None where there is none.
        is_in_lung: whether the organ is known to be the lung.
        uid: Tracking Unique Identifier (0062,0021), which all objects of one result share.
    """

    number: int
    box: tuple[slice, slice, slice]
    values: Mapping[str, Any] = field(default_factory=dict)
    is_in_lung: bool = False
    uid: str = field(default_factory=lambda: str(generate_uid(prefix=None)))

    @property
    def label(self) -> str:
        """What people call it."""
        return LABEL.format(self.number)
