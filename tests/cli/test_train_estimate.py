from dataclasses import replace

import pytest
from PIL import Image

from cipa.cli.train_estimate import cpu_seconds, estimate
from cipa.training.recipe import TrainRecipe


@pytest.fixture
def data(tmp_path):
    """A list of 2000 slices, of which one is there."""
    (tmp_path / "0001").mkdir()
    (tmp_path / "train.txt").write_text("".join(f"0001_{number:04d}\n" for number in range(2000)))
    Image.new("L", (256, 256)).save(tmp_path / "0001" / "0001_0000_CT.png")
    return tmp_path


def recipe_of(epochs=50, device="cpu", model="tiny"):
    recipe = TrainRecipe()
    return replace(
        recipe,
        network=replace(recipe.network, model=model),
        optimisation=replace(recipe.optimisation, epochs=epochs),
        running=replace(recipe.running, device=device),
    )


def test_a_long_run_on_a_cpu_is_said_with_what_is_shorter(data):
    line = estimate(recipe_of(), data)
    assert "hours for 50 epochs" in line
    assert "--model nano" in line


def test_twice_the_epochs_take_twice_as_long(data):
    assert cpu_seconds(recipe_of(20), data) == pytest.approx(2 * cpu_seconds(recipe_of(10), data))
    assert cpu_seconds(recipe_of(10, model="nano"), data) < cpu_seconds(recipe_of(10), data) / 5


def test_nothing_is_said_of_a_short_run_a_gpu_or_data_that_cannot_be_read(data, tmp_path):
    assert estimate(recipe_of(1, model="nano"), data) == ""
    assert estimate(recipe_of(device="cuda"), data) == ""
    assert estimate(recipe_of(), tmp_path / "absent") == ""
