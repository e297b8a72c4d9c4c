"""Slices and a network small enough to draw and score in a moment."""

import pytest
import torch

from small_networks import HotSpots

SIZE = 128


class Slices:
    """Squares of growing size; the prediction is shifted less and less, so that Dice grows with the index."""

    def __init__(self, count: int) -> None:
        self.ids = [f"{index // 2:04d}_{index:03d}" for index in range(count)]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict:
        pet = torch.full((1, SIZE, SIZE), 20, dtype=torch.uint8)
        mask = torch.zeros_like(pet)
        pet[:, 40:60, 40:60] = 250
        shift = max(0, 18 - 3 * index)
        mask[:, 40 + shift : 60 + shift, 40:60] = 1
        return {"ct": torch.full_like(pet, 90), "pet": pet, "mask": mask, "index": index}


@pytest.fixture
def slices():
    return Slices(7)


@pytest.fixture
def network():
    return HotSpots()
