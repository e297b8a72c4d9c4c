"""A data set in PCLT20K layout, small and made on the spot."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIDE = 128


class Folder:
    """Writes slices whose CT, PET and mask differ from each other and from slice to slice."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, slice_id: str, image: str) -> Path:
        return self.root / slice_id.split("_")[0] / f"{slice_id}_{image}.png"

    def write(self, slice_id: str, image: str, pixels) -> Path:
        path = self.path(slice_id, image)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(pixels)).save(path)
        return path

    def add(self, slice_id: str, tumour_pixels: int = 20, side: int = SIDE) -> str:
        seed = sum(map(ord, slice_id))
        ramp = np.add.outer(np.arange(side), np.arange(side))
        self.write(slice_id, "CT", ((ramp + seed) % 256).astype(np.uint8))
        self.write(slice_id, "PET", ((2 * ramp + seed) % 256).astype(np.uint8))
        mask = np.zeros(side * side, np.uint8)
        mask[:tumour_pixels] = 255
        self.write(slice_id, "mask", mask.reshape(side, side))
        return slice_id

    def list(self, split: str, ids: list[str]) -> None:
        (self.root / f"{split}.txt").write_text("\n".join(ids))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "set")


@pytest.fixture
def whole(folder: Folder) -> Folder:
    """Three slices of two patients to train on, two of one patient to test on; tumours of 10 to 50 pixels."""
    folder.list("train", [folder.add("0001_001", 10), folder.add("0001_002", 20), folder.add("0002_010", 30)])
    folder.list("test", [folder.add("0003_001", 40), folder.add("0003_002", 50)])
    return folder
