"""One file of a series: where it is, its header, and where its pixels begin."""

from dataclasses import dataclass

from pydicom.dataset import Dataset

from cipa.io.dicom.source import Entry


@dataclass(frozen=True)
class Slice:
    """One file and its header, without the pixels.

    Attributes:
        entry: the file.
        header: what stands before the pixels.
        pixels_at: byte at which Pixel Data is expected; whoever goes there looks whether it is.
    """

    entry: Entry
    header: Dataset
    pixels_at: int = 0
