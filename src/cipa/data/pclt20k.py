"""PCLT20K (Mei et al., CVPR 2025): 21,930 slices of 605 patients, as a torch data set of 8-bit tensors.

Images stay uint8 until they are on the device that trains (`cipa.data.intensity.normalise`), a quarter of the
traffic of floats through workers and to a GPU. Augmentation is a matter of whole batches there
(`cipa.data.augmentation`), so that a worker only decodes.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from cipa.data.layout import (
    FOREGROUND,
    IMAGES,
    Image,
    image_path,
    images_on_disk,
    patient_of,
    read_ids,
    slice_number,
)
from cipa.data.neighbours import by_series, neighbour_ids
from cipa.errors import DataError
from cipa.io.png import read_grey
from cipa.parallel import processors

__all__ = ["PCLT20K", "SliceError", "patient_of", "read_ids", "slice_number"]


class SliceError(DataError):
    """A slice cannot be read. Its message stays one line on its way out of a worker process.

    A DataLoader's worker hands an exception on as its type called with a whole traceback, whose last line is
    the message.
    """

    def __init__(self, message: str) -> None:
        last = message.strip().splitlines()[-1]
        super().__init__(last.removeprefix(f"{__name__}.{type(self).__name__}: "))


class PCLT20K(Dataset[dict[str, Tensor | int]]):
    """Slices of a folder in PCLT20K layout.

    A CT or PET stored as RGB with three equal channels is taken as the grey image it is; a coloured one is an
    error. A mask pixel of 128 or more is tumour, so that masks with softened edges read as published.

    Args:
        root: the data set's folder.
        ids: the slices to serve, as from `read_ids`.
        size: height and width in pixels that every image must have.
        masks: whether slices have masks. Without, no mask is looked for.
        slices: 1, or 3 for each slice between its neighbours: the slices of the patient in the folder, listed
            or not, whose numbers are next to its own; a missing one is the slice itself.

    Attributes:
        root: the data set's folder.
        ids: the slices, in the order of the indices.

    Raises:
        DataError: an image of a slice is not in its folder.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        ids: Sequence[str],
        size: int = 512,
        masks: bool = True,
        slices: int = 1,
    ) -> None:
        self.root = Path(root)
        self.ids = list(ids)
        self.size = size
        self.images: tuple[Image, ...] = IMAGES if masks else ("CT", "PET")
        self.slices = slices
        there = images_on_disk(self.root, sorted({patient_of(slice_id) for slice_id in self.ids}))
        self._refuse_absent(there)
        pairs = (slice_id for slice_id, images in there.items() if {"CT", "PET"} <= images)
        self._series = by_series(pairs) if slices > 1 else {}

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict[str, Tensor | int]:
        """Read one slice.

        Args:
            index: place in `ids`, 0 to len - 1.

        Returns:
            "ct" and "pet", uint8 (slices, size, size), 0 to 255; "mask", uint8 (1, size, size), 1 is tumour,
            absent with `masks=False`; "index", the argument, which tells slices of a batch apart.

        Raises:
            SliceError: an image is unreadable, in colour or of another size, or a mask holds no tumour at 128
                or above yet is not all 0.
        """
        slice_id = self.ids[index]
        item: dict[str, Tensor | int] = {"index": index}
        stack = neighbour_ids(slice_id, self.slices, self._series)
        for image in self.images:
            if image == "mask":
                path = image_path(self.root, slice_id, image)
                greys = {slice_id: binarise_mask(self._read(path), path)}
            else:
                greys = {one: self._read(image_path(self.root, one, image)) for one in dict.fromkeys(stack)}
            channels = [slice_id] if image == "mask" else stack
            item[image.lower()] = torch.from_numpy(np.stack([greys[one] for one in channels]))
        return item

    def tumour_pixels(self) -> list[int]:
        """Count the tumour pixels of every slice's mask, read by threads.

        Returns:
            A count a slice, in the order of `ids`.

        Raises:
            SliceError: as `__getitem__`, of a mask.
        """
        with ThreadPoolExecutor(min(8, 2 * processors())) as pool:
            return list(pool.map(self._count_tumour, self.ids))

    def _count_tumour(self, slice_id: str) -> int:
        path = image_path(self.root, slice_id, "mask")
        return int(np.count_nonzero(binarise_mask(self._read(path), path)))

    def _read(self, path: Path) -> npt.NDArray[np.uint8]:
        try:
            grey = read_grey(path)
        except DataError as error:
            raise SliceError(str(error)) from error
        if grey.shape != (self.size, self.size):
            height, width = grey.shape
            raise SliceError(
                f"{path}: {width} x {height} pixels where {self.size} x {self.size} are expected; "
                f"set the image size to the data's, or resize the data"
            )
        return grey

    def _refuse_absent(self, there: Mapping[str, set[str]]) -> None:
        absent = [
            (slice_id, image)
            for slice_id in self.ids
            for image in self.images
            if image not in there.get(slice_id, ())
        ]
        if absent:
            slice_id, image = absent[0]
            others = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
            raise DataError(
                f"{image_path(self.root, slice_id, image)}{others}: listed but not there; "
                f"`cipa check {self.root}` names every one"
            )


def binarise_mask(grey: npt.NDArray[np.uint8], path: Path) -> npt.NDArray[np.uint8]:
    """Return 1 where a mask's grey is tumour, 128 or more, else 0.

    Raises:
        SliceError: it holds grey, but none of 128 or more: 0 and 1, most likely.
    """
    mask = grey >= FOREGROUND
    brightest = int(grey.max())
    if 0 < brightest < FOREGROUND:
        # a mask of 0 and 1 would otherwise pass for an empty one, and the network learn that there is nothing
        raise SliceError(
            f"{path}: a mask whose brightest pixel is {brightest}; tumour is 255 and the rest 0, scale it so"
        )
    return mask.astype(np.uint8)
