import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from cipa.data.pclt20k import PCLT20K, SliceError, read_ids
from cipa.errors import DataError

SIDE = 128


def open_slice(folder, slice_id: str, **options):
    return PCLT20K(folder.root, [slice_id], size=SIDE, **options)[0]


def test_slices_come_as_stored_in_the_lists_order(whole):
    ids = read_ids(whole.root, "train")
    data = PCLT20K(whole.root, ids, size=SIDE)
    assert data.ids == ids
    assert len(data) == 3
    item = data[2]
    assert item["index"] == 2
    for image in ("ct", "pet", "mask"):
        assert item[image].shape == (1, SIDE, SIDE)
        assert item[image].dtype == torch.uint8
    stored = {image: np.asarray(Image.open(whole.path("0002_010", image))) for image in ("CT", "PET", "mask")}
    assert np.array_equal(item["ct"][0].numpy(), stored["CT"])
    assert np.array_equal(item["pet"][0].numpy(), stored["PET"])
    assert np.array_equal(item["mask"][0].numpy(), stored["mask"] // 255)


def test_slices_collate_through_worker_processes(whole):
    data = PCLT20K(whole.root, read_ids(whole.root, "train"), size=SIDE)
    [batch] = DataLoader(data, batch_size=3, num_workers=1)
    assert batch["ct"].shape == (3, 1, SIDE, SIDE)
    assert batch["index"].tolist() == [0, 1, 2]


def test_without_masks_none_is_needed(whole):
    whole.path("0001_001", "mask").unlink()
    assert set(open_slice(whole, "0001_001", masks=False)) == {"ct", "pet", "index"}


def test_a_mask_is_tumour_from_128(whole):
    soft = np.zeros((SIDE, SIDE), np.uint8)
    soft[0, :4] = (127, 128, 200, 255)
    whole.write("0001_001", "mask", soft)
    assert open_slice(whole, "0001_001")["mask"][0, 0, :5].tolist() == [0, 1, 1, 1, 0]


def test_an_empty_mask_is_legitimate(whole):
    whole.write("0001_001", "mask", np.zeros((SIDE, SIDE), np.uint8))
    assert open_slice(whole, "0001_001")["mask"].sum() == 0


def test_a_mask_of_zero_and_one_is_refused_rather_than_taken_for_empty(whole):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[5:9, 5:9] = 1
    whole.write("0001_001", "mask", mask)
    with pytest.raises(SliceError, match=r"0001_001_mask\.png: a mask whose brightest pixel is 1"):
        open_slice(whole, "0001_001")


def test_grey_stored_as_rgb_is_taken_and_colour_is_not(whole):
    grey = np.asarray(Image.open(whole.path("0001_001", "CT")))
    whole.write("0001_001", "CT", np.stack([grey] * 3, axis=-1))
    assert np.array_equal(open_slice(whole, "0001_001")["ct"][0].numpy(), grey)
    whole.write("0001_001", "CT", np.stack([grey, grey, 255 - grey], axis=-1))
    with pytest.raises(SliceError, match=r"0001_001_CT\.png: a colour image"):
        open_slice(whole, "0001_001")


def test_a_damaged_file_is_named(whole):
    path = whole.path("0001_001", "PET")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SliceError, match=r"0001_001_PET\.png"):
        open_slice(whole, "0001_001")


def test_another_size_is_named_with_the_expected_one(whole):
    whole.add("0001_001", side=64)
    with pytest.raises(SliceError, match=r"0001_001_CT\.png: 64 x 64 pixels where 128 x 128"):
        open_slice(whole, "0001_001")


def test_listed_slices_that_do_not_exist_are_refused_at_once(whole):
    ids = [*read_ids(whole.root, "train"), "0009_001"]
    with pytest.raises(DataError, match=r"0009_001_CT\.png and 2 more: listed but not there"):
        PCLT20K(whole.root, ids, size=SIDE)


def test_an_error_in_a_worker_process_stays_one_line(whole):
    whole.path("0001_002", "CT").write_bytes(b"not a PNG")
    message = error_of_a_worker(PCLT20K(whole.root, ["0001_001", "0001_002"], size=SIDE))
    assert "\n" not in message
    assert message.startswith(str(whole.path("0001_002", "CT")))


def error_of_a_worker(data) -> str:
    try:
        list(DataLoader(data, num_workers=1))
    except DataError as error:
        return str(error.with_traceback(None))  # a traceback keeps the loader, whose late end takes 5 s
    return "no error"


def test_the_error_survives_pickling():
    assert str(pickle.loads(pickle.dumps(SliceError("a.png: broken; copy it")))) == "a.png: broken; copy it"
