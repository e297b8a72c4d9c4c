"""References to the images that an object was made from: files of one image, or frames of multi-frame files.

A reference (DICOM PS3.3, table 10-3) names a file once, and of a multi-frame file the frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from cipa.io.dicom.slices import Slice
from cipa.io.dicom.tags import text


@dataclass(frozen=True)
class Reference:
    """A file, and those of its frames that are meant.

    Attributes:
        sop_class: its SOP Class UID.
        uid: its SOP Instance UID.
        frames: numbers of its frames, from 1; empty for a file of one image.
        slice: the first of them.
    """

    sop_class: str
    uid: str
    frames: tuple[int, ...]
    slice: Slice

    def item(self) -> Dataset:
        """Return it as an item of a sequence of image references."""
        found = Dataset()
        found.ReferencedSOPClassUID, found.ReferencedSOPInstanceUID = self.sop_class, self.uid
        if self.frames:
            found.ReferencedFrameNumber = list(self.frames)
        return found


def refer_to(slices: Sequence[Slice]) -> list[Reference]:
    """Return a reference a file, in the order in which files first come."""
    files: dict[tuple[str, str], list[Slice]] = {}
    for one in slices:
        key = text(one.header, "SOPClassUID"), text(one.header, "SOPInstanceUID")
        files.setdefault(key, []).append(one)
    return [
        Reference(*key, tuple(one.frame for one in members if one.frame), members[0])
        for key, members in files.items()
    ]
