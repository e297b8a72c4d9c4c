"""One slice of a study."""

from dataclasses import dataclass

from pydicom.dataset import Dataset

from cipa.io.dicom.multiframe.frame_file import FrameFile
from cipa.io.dicom.source import Entry


@dataclass(frozen=True)
class Slice:
    """One file of one image, or one frame of a multi-frame file, and its header without the pixels.

    Attributes:
        entry: the file.
        header: what stands before the pixels. A frame's is what a file of that frame alone would have.
        pixels_at: byte at which Pixel Data is expected; whoever goes there looks whether it is.
        frame: number of the frame in its file, from 1; 0 for a file of one image.
        file: where a frame's pixels come from.
        problem: why a multi-frame file cannot be split into frames, empty if it can.
    """

    entry: Entry
    header: Dataset
    pixels_at: int = 0
    frame: int = 0
    file: FrameFile | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """Name of its file, and of which frame it is."""
        return f"{self.entry.name} frame {self.frame}" if self.frame else self.entry.name
