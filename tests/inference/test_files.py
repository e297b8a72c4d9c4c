import numpy as np
import pytest
from PIL import Image

from cipa.errors import DataError, UsageError
from cipa.inference.files import predict_folder, predict_png
from cipa.inference.predictor import Predictor
from cipa.io.png import read_grey, write_grey


@pytest.fixture
def predictor(network):
    return Predictor(network(), "cpu", batch_size=2)


@pytest.fixture
def slice_pair():
    random = np.random.default_rng(0)
    return tuple(random.integers(0, 256, (32, 32), dtype=np.uint8) for _ in range(2))


def truth(ct, pet):
    return (ct > 100) & (pet > 127)


def test_png_pair_gives_a_mask_of_0_and_255(predictor, slice_pair, tmp_path):
    for name, image in zip(("ct.png", "pet.png"), slice_pair, strict=True):
        write_grey(tmp_path / name, image)
    out = tmp_path / "tumour.png"
    summary = predict_png(predictor, tmp_path / "ct.png", tmp_path / "pet.png", out, probability=True)
    expected = truth(*slice_pair)
    assert np.array_equal(read_grey(out), expected * 255)
    chances = np.asarray(Image.open(tmp_path / "tumour_probability.png"))
    assert chances.dtype == np.uint16
    assert np.array_equal(chances >= 32768, expected)
    assert (summary.slices_with_tumour, summary.pixels) == (1, expected.sum())


def test_png_of_another_size_is_named(predictor, slice_pair, tmp_path):
    write_grey(tmp_path / "ct.png", slice_pair[0])
    write_grey(tmp_path / "pet.png", slice_pair[1][:, :16])
    with pytest.raises(DataError, match=r"pet\.png: 16 x 32 pixels, but these weights take 32 x 32"):
        predict_png(predictor, tmp_path / "ct.png", tmp_path / "pet.png", tmp_path / "mask.png")


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(1)
    for slice_id in ("0001_003", "0001_010", "0002_7"):
        for image in ("CT", "PET"):
            name = tmp_path / "data" / slice_id.split("_")[0] / f"{slice_id}_{image}.png"
            write_grey(name, random.integers(0, 256, (32, 32), dtype=np.uint8))
    return tmp_path / "data"


def test_folder_gives_masks_in_the_same_layout(predictor, folder, tmp_path):
    ids, told = ["0002_7", "0001_003", "0001_010"], []
    progress = lambda *done: told.append(done)  # noqa: E731
    summary = predict_folder(predictor, folder, ids, tmp_path / "out", probability=True, progress=progress)
    names = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")
    )
    assert names == sorted(f"{i[:4]}/{i}_{kind}.png" for i in ids for kind in ("mask", "probability"))
    total = 0
    for slice_id in ids:
        pair = [read_grey(folder / slice_id[:4] / f"{slice_id}_{kind}.png") for kind in ("CT", "PET")]
        assert np.array_equal(
            read_grey(tmp_path / "out" / slice_id[:4] / f"{slice_id}_mask.png"), truth(*pair) * 255
        )
        total += truth(*pair).sum()
    assert (summary.slices, summary.slices_with_tumour, summary.pixels) == (3, 3, total)
    assert told == [(2, 3), (3, 3)]


def test_masks_of_the_data_set_are_never_overwritten(predictor, folder):
    with pytest.raises(UsageError, match="own masks would be overwritten"):
        predict_folder(predictor, folder, ["0002_7"], folder / "." / "")


def test_slice_without_its_pet_is_named_before_any_work(predictor, folder, tmp_path):
    (folder / "0001" / "0001_010_PET.png").unlink()
    with pytest.raises(DataError, match=r"0001_010_PET\.png: listed but not there"):
        predict_folder(predictor, folder, ["0002_7", "0001_010"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
