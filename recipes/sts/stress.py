"""The test slices made harder: one modality gone, PET out of place, PET of another brightness."""

from collections.abc import Callable
from typing import Any

import torch

from cipa.data.pclt20k import PCLT20K

Item = dict[str, Any]


def without_ct(item: Item) -> Item:
    return {**item, "ct": torch.zeros_like(item["ct"])}


def without_pet(item: Item) -> Item:
    return {**item, "pet": torch.zeros_like(item["pet"])}


def displaced(pixels: int) -> Callable[[Item], Item]:
    """Return what moves the PET right and down; what leaves on one side is the padding, which is black."""
    return lambda item: {**item, "pet": torch.roll(item["pet"], (pixels, pixels), (-2, -1))}


def dimmed(factor: float) -> Callable[[Item], Item]:
    return lambda item: {**item, "pet": (item["pet"] * factor).round().clamp(max=255).to(torch.uint8)}


STRESSES: dict[str, Callable[[Item], Item]] = {
    "CT alone": without_pet,
    "PET alone": without_ct,
    "PET 10 mm right and down": displaced(10),
    "PET at 70 %": dimmed(0.7),
}
"""Pixels are 0.977 mm."""


class Stressed:
    """A data set whose slices are changed on their way."""

    def __init__(self, dataset: PCLT20K, change: Callable[[Item], Item]) -> None:
        self.dataset, self.change, self.ids = dataset, change, dataset.ids

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Item:
        return self.change(self.dataset[index])
