"""The loop over a test set, with a network that only thresholds PET."""

import threading

import numpy as np
import pytest
import torch

from cipa.errors import DataError
from cipa.evaluation.published import PublishedProtocol
from cipa.evaluation.scoring import score_slices

SIZE = 32


class Slices:
    """Slices whose PET is 200 on a square, of which the mask holds all but the first row."""

    def __init__(self, count: int, broken: int | None = None) -> None:
        self.ids = [f"{index // 3:04d}_{index:03d}" for index in range(count)]
        self.broken = broken

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict:
        if index == self.broken:
            raise DataError(f"{self.ids[index]}: unreadable")
        pet = torch.zeros(1, SIZE, SIZE, dtype=torch.uint8)
        pet[:, 5:10, index : index + 4] = 200
        mask = (pet > 100).to(torch.uint8)
        mask[:, 5] = 0
        return {"ct": torch.full_like(pet, index), "pet": pet, "mask": mask, "index": index}


def hot(ids: list[str], ct: np.ndarray, pet: np.ndarray) -> np.ndarray:
    return pet > 100


@pytest.mark.parametrize("count", [1, 4, 9])
@pytest.mark.parametrize("batch_size", [1, 4, 20])
def test_every_slice_is_scored_once_whatever_the_batches(count, batch_size):
    slices = Slices(count)
    expected = PublishedProtocol()
    for index, slice_id in enumerate(slices.ids):
        item = slices[index]
        expected.update(slice_id, item["pet"][0].numpy() > 100, item["mask"][0].numpy())
    assert score_slices(slices, hot, batch_size=batch_size) == expected.result()


def test_the_segmenter_sees_batches_of_both_images_with_their_ids_in_order():
    seen = []

    def segment(ids, ct, pet):
        assert ct.shape == pet.shape == (len(ct), SIZE, SIZE)
        assert ct.dtype == pet.dtype == np.uint8
        seen.append(ct[:, 0, 0].tolist())
        assert ids == [Slices(7).ids[index] for index in seen[-1]]
        return hot(ids, ct, pet)

    score_slices(Slices(7), segment, batch_size=3)
    assert seen == [[0, 1, 2], [3, 4, 5], [6]]


def test_on_slice_gets_the_scored_masks_of_all():
    slices, masks, lock = Slices(5), {}, threading.Lock()

    def keep(slice_id, mask):
        with lock:
            masks[slice_id] = mask

    score_slices(slices, lambda ids, ct, pet: (pet > 100).astype(np.float32), batch_size=2, on_slice=keep)
    assert sorted(masks) == slices.ids
    for index, slice_id in enumerate(slices.ids):
        assert masks[slice_id].dtype == np.uint8
        np.testing.assert_array_equal(masks[slice_id], slices[index]["pet"][0].numpy() > 100)


@pytest.mark.parametrize("broken", [0, 4, 6])
def test_an_unreadable_slice_stops_the_evaluation_with_its_own_words(broken):
    with pytest.raises(DataError, match=f"_{broken:03d}: unreadable"):
        score_slices(Slices(7, broken), hot, batch_size=2)


def test_a_failure_behind_the_network_is_not_lost():
    def full_disk(slice_id, mask):
        if slice_id.endswith("_006"):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        score_slices(Slices(7), hot, batch_size=2, on_slice=full_disk)
