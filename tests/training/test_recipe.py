"""The recipe: published by default, refused where impossible, the same after a way through YAML."""

import dataclasses

import pytest

from cipa.errors import DataError, UsageError
from cipa.training.config_file import read_recipe, write_recipe
from cipa.training.recipe import NetworkRecipe, OptimisationRecipe, TrainRecipe, ValidationRecipe


def test_the_default_is_the_published_recipe():
    recipe = TrainRecipe()
    optimisation = recipe.optimisation
    assert (optimisation.lr, optimisation.betas, optimisation.eps) == (6e-5, (0.9, 0.999), 1e-8)
    assert (optimisation.weight_decay, optimisation.epochs, optimisation.batch_size) == (1e-2, 50, 16)
    assert (optimisation.final_lr, optimisation.warmup_steps, optimisation.seed) == (1e-6, 0, 42)
    assert (optimisation.clip_norm, optimisation.ema_decay, optimisation.parameters) == (None, None, "all")
    network = recipe.network.with_defaults()
    assert (network.model, network.crm, network.dcim) == ("tiny", True, True)
    assert (network.image_size, network.ct_window, network.suv_max) == (512, (-1200.0, 200.0), 20.0)
    assert recipe.validation.validation == "hold-out"


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        (OptimisationRecipe, "epochs", 0),
        (OptimisationRecipe, "lr", 0.0),
        (OptimisationRecipe, "betas", (0.9, 1.0)),
        (OptimisationRecipe, "ema_decay", 1.0),
        (NetworkRecipe, "image_size", 500),
        (NetworkRecipe, "ct_window", (200.0, -1200.0)),
        (ValidationRecipe, "validation_fraction", 1.0),
    ],
)
def test_an_impossible_value_is_refused_by_name(group, name, value):
    flag = "--" + name.replace("_", "-")
    with pytest.raises(UsageError, match=f"^{flag} .* is not possible: it must be "):
        group(**{name: value})


def test_no_two_groups_share_the_name_of_a_field():
    names = [
        field.name
        for group in ("network", "optimisation", "validation", "running")
        for field in dataclasses.fields(getattr(TrainRecipe(), group))
    ]
    assert len(names) == len(set(names))


def test_a_recipe_comes_back_from_yaml_as_it_was(helpers, tmp_path):
    recipe = helpers.small_recipe(
        lr=1e-7, ct_window=(-1000.0, 400.0), ema_decay=0.999, init="some file.pth", crop=0.25, crm=False
    )
    write_recipe(recipe, tmp_path / "config.yaml")
    assert read_recipe(tmp_path / "config.yaml") == recipe


@pytest.mark.parametrize("text", ["lr: fast\n", "epochz: 3\n", "- a\n- b\n", "lr: [\n", "epochs: 0\n"])
def test_a_spoilt_file_is_named_in_one_line(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises((DataError, UsageError)) as failure:
        read_recipe(tmp_path / "config.yaml")
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "not a text file in UTF-8"),
        (b"lr: !!float x", "tags such as"),
        (b"lr: !!timestamp x", "tags such as"),
        (b"a: &a [x,x]\nb: &b [*a,*a]\n", "anchors and aliases"),
        (b"lr: null", "lr"),
        (b"augmentation: null", "augmentation"),
        (b"betas: null", "betas"),
        (b"[" * 60_000, "nested too deeply"),
    ],
)
def test_yaml_that_is_no_recipe_is_one_line(tmp_path, content, said):
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises((DataError, UsageError), match=said) as caught:
        read_recipe(tmp_path / "config.yaml")
    assert str(caught.value).startswith(str(tmp_path / "config.yaml"))
    assert str(caught.value).isprintable()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"config\.yaml is missing"):
        read_recipe(tmp_path / "config.yaml")


def test_running_may_change_and_nothing_else(helpers):
    begun = helpers.small_recipe()
    assert helpers.small_recipe(workers=2, log_to="tensorboard", save_every=1).difference(begun) == []
    assert helpers.small_recipe(crop=0.1).difference(begun) == [("augmentation.crop", 0.1, 0.5)]
