import numpy as np
import pytest

from cipa.data.neighbours import by_series, middle_slice, neighbour_ids, repeat_slices, stack_neighbours
from cipa.data.pclt20k import PCLT20K

SIDE = 128


def volume(length):
    return np.arange(length, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)


def test_a_slice_stands_between_its_neighbours():
    stacks = stack_neighbours(volume(5), 3)
    assert stacks.shape == (5, 3, 2, 2)
    assert stacks[:, :, 0, 0].tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 4]]


def test_a_run_takes_its_neighbours_from_the_whole_volume():
    assert stack_neighbours(volume(5), 3, slice(2, 4))[:, :, 0, 0].tolist() == [[1, 2, 3], [2, 3, 4]]


def test_a_lone_slice_is_its_own_neighbour():
    assert stack_neighbours(volume(1), 3)[0, :, 0, 0].tolist() == [0, 0, 0]
    assert repeat_slices(volume(2), 3)[:, :, 0, 0].tolist() == [[0, 0, 0], [1, 1, 1]]
    assert middle_slice(stack_neighbours(volume(3), 3)[1])[0, 0] == 1


@pytest.mark.parametrize(
    ("ids", "wanted"),
    [
        (["0001_007", "0001_008", "0001_009"], ["0001_007", "0001_008", "0001_009"]),
        (["0001_008", "0001_009"], ["0001_008", "0001_008", "0001_009"]),
        (["0001_006", "0001_008"], ["0001_008"] * 3),
        (["0002_007", "0001_008", "0002_009"], ["0001_008"] * 3),
        (["0001_a_007", "0001_008", "0001_9"], ["0001_008", "0001_008", "0001_9"]),
    ],
    ids=["both", "none before", "a gap", "another patient's", "another series'"],
)
def test_neighbours_are_of_the_same_patient_and_series(ids, wanted):
    assert neighbour_ids("0001_008", 3, by_series(ids)) == wanted


def test_a_data_set_of_three_slices_gives_each_between_those_in_the_folder(folder):
    for slice_id in ("0001_001", "0001_002", "0001_003", "0002_003"):
        folder.add(slice_id)
    data = PCLT20K(folder.root, ["0001_002", "0002_003"], size=SIDE, slices=3)
    alone = PCLT20K(folder.root, ["0001_001", "0001_002", "0001_003", "0002_003"], size=SIDE)
    for name in ("ct", "pet"):
        assert data[0][name].shape == (3, SIDE, SIDE)
        for channel in range(3):
            assert (data[0][name][channel] == alone[channel][name][0]).all()
            assert (data[1][name][channel] == alone[3][name][0]).all()
    assert (data[0]["mask"] == alone[1]["mask"]).all()


def test_a_neighbour_without_pet_is_missing(folder):
    for slice_id in ("0001_001", "0001_002"):
        folder.add(slice_id)
    folder.path("0001_001", "PET").unlink()
    item = PCLT20K(folder.root, ["0001_002"], size=SIDE, slices=3)[0]
    assert (item["ct"][0] == item["ct"][1]).all()
