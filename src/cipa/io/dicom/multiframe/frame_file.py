"""The pixels of a multi-frame file, read once for all its frames and let go when they are decoded."""

from collections.abc import Sequence
from threading import Lock

from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID

from cipa.io.dicom.pixel_data import read_image
from cipa.io.dicom.source import Entry
from cipa.io.dicom.tags import number, raw_bytes


class FrameFile:
    """Gives the frames of a file one by one, on any thread.

    Args:
        entry: the file.
        header: of the file as a whole.
        pixels_at: as `cipa.io.dicom.pixel_data.read_image` takes it.
        count: frames that it holds.
    """

    def __init__(self, entry: Entry, header: Dataset, pixels_at: int, count: int) -> None:
        self.entry, self.header, self.pixels_at, self.count = entry, header, pixels_at, count
        self._lock = Lock()
        self._frames: Sequence[bytes | memoryview] | None = None
        self._image = Dataset()

    def image_of(self, frame: int) -> Dataset:
        """Return one frame as a file of one image would hold it: Pixel Data and the tags about it.

        Args:
            frame: its number, from 1.

        Raises:
            Exception: of almost any kind, as pydicom raises for damage.
        """
        with self._lock:
            if self._frames is None:
                self._load()
            assert self._frames is not None
            pixels = self._frames[frame - 1]
        image = self._image[:]
        image.file_meta = self.header.file_meta
        image.NumberOfFrames = 1
        if UID(image.file_meta.TransferSyntaxUID).is_encapsulated:
            image.PixelData = encapsulate([bytes(pixels)])
            image["PixelData"].is_undefined_length = True
        else:
            image.PixelData = bytes(pixels)
        return image

    def release(self) -> None:
        """Let go of the pixels; they are read again when they are asked for."""
        with self._lock:
            self._frames = None
            self._image = Dataset()

    def _load(self) -> None:
        image = read_image(self.entry.open_whole, self.header, self.pixels_at)
        pixels = image.PixelData
        if UID(image.file_meta.TransferSyntaxUID).is_encapsulated:
            offsets = [
                raw_bytes(self.header, name) for name in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
            ]
            table = (offsets[0], offsets[1]) if all(offsets) else None
            frames: Sequence[bytes | memoryview] = list(
                generate_frames(pixels, number_of_frames=self.count, extended_offsets=table)
            )
        else:
            frames = self._split(pixels)
        del image.PixelData
        self._image, self._frames = image, frames

    def _split(self, pixels: bytes) -> list[memoryview]:
        """Cut pixels that are not compressed.

        Raises:
            ValueError: there are fewer than the file says that it has frames.
        """
        rows, columns, bits = (
            int(number(self.header, name) or 0) for name in ("Rows", "Columns", "BitsAllocated")
        )
        size, whole = rows * columns * bits // 8, memoryview(pixels)
        if len(whole) < size * self.count:
            raise ValueError("Pixel Data is too short")
        return [whole[index * size : (index + 1) * size] for index in range(self.count)]
