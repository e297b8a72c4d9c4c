"""A run knows its data: what a recipe leaves open is read, and contradictions are refused."""

import json
import shutil

import pytest

import cipa
from cipa.errors import DataError, UsageError
from cipa.training.recipe import NetworkRecipe
from cipa.training.settle import settle_network

STORED = {"size": 128, "ct_window_hu": [-160, 240], "suv_max": 7, "pet_scaling": "arcsinh"}


@pytest.fixture
def converted(data, tmp_path):
    folder = shutil.copytree(data, tmp_path / "data")
    (folder / "metadata.json").write_text(json.dumps(STORED))
    return folder


def saved(folder, **settings):
    cipa.create_model("nano", image_size=128, **settings).save_pretrained(folder)
    return str(folder)


def test_scale_and_size_come_from_the_metadata(converted):
    network = settle_network(NetworkRecipe(model="nano"), converted)
    assert (network.image_size, network.ct_window, network.suv_max) == (128, (-160.0, 240.0), 7.0)
    assert (network.pet_scaling, network.slices, network.crm) == ("arcsinh", 1, True)


def test_without_metadata_the_size_is_that_of_the_slices_and_the_scale_the_published_one(data):
    network = settle_network(NetworkRecipe(), data)
    assert (network.model, network.image_size, network.suv_max) == ("tiny", 128, 20.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"suv_max": 20.0}, r"--suv-max 20: .*metadata\.json says 7"),
        ({"ct_window": (-1200.0, 200.0)}, r"--ct-window -1200 200: .* says -160 240"),
        ({"image_size": 256}, r"--image-size 256: .* says 128"),
        ({"pet_scaling": "linear"}, r"--pet-scaling linear: .* says arcsinh"),
    ],
)
def test_an_option_that_contradicts_the_metadata_is_refused(converted, given, message):
    with pytest.raises(UsageError, match=message):
        settle_network(NetworkRecipe(**given), converted)
    settle_network(NetworkRecipe(suv_max=7.0, ct_window=(-160.0, 240.0)), converted)


def test_weights_bring_their_model_and_modules_from_a_run_too(data, tmp_path):
    saved(tmp_path / "run" / "best", crm=False, slices=3, suv_max=12.0)
    network = settle_network(NetworkRecipe(weights=str(tmp_path / "run")), data)
    assert (network.model, network.crm, network.dcim, network.slices) == ("nano", False, True, 3)
    assert (network.image_size, network.suv_max) == (128, 12.0)


def test_weights_of_another_scale_than_the_data_are_refused(converted, tmp_path):
    with pytest.raises(DataError, match=r"made with ct_window -1200 200, but .* has -160 240"):
        settle_network(NetworkRecipe(weights=saved(tmp_path / "weights")), converted)
