"""The network of a recipe: seeded, with the recipe's settings in its config, or refused by name."""

import pytest
import torch

from cipa.errors import UsageError
from cipa.training.network import build_network
from cipa.training.recipe import NetworkRecipe

SMALL = {"model": "nano", "image_size": 128}


def test_the_seed_alone_decides_the_initial_weights():
    before = torch.get_rng_state()
    one, same, other = (build_network(NetworkRecipe(**SMALL), seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_config_holds_what_the_recipe_says():
    recipe = NetworkRecipe(**SMALL, crm=False, dcim=False, ct_window=(-1000.0, 400.0), suv_max=15.0)
    config = build_network(recipe, 0).config
    assert (config.variant, config.image_size, config.crm, config.dcim) == ("nano", 128, False, False)
    assert (config.ct_window, config.suv_max) == ((-1000.0, 400.0), 15.0)


def test_weights_are_taken_up_in_training_mode_and_refused_where_they_do_not_fit(tmp_path):
    model = build_network(NetworkRecipe(**SMALL), 3)
    model.save_pretrained(tmp_path / "weights")
    weights = str(tmp_path / "weights")
    loaded = build_network(NetworkRecipe(**SMALL, weights=weights), seed=4)
    assert loaded.training
    assert all(torch.equal(loaded.state_dict()[name], tensor) for name, tensor in model.state_dict().items())

    with pytest.raises(
        UsageError, match=r"--model tiny does not fit --weights .* made with nano: give --model nano"
    ):
        build_network(NetworkRecipe(model="tiny", image_size=128, weights=weights), 0)
    with pytest.raises(UsageError, match=r"--suv-max 10.0 does not fit"):
        build_network(NetworkRecipe(**SMALL, weights=weights, suv_max=10.0), 0)


def test_an_ablation_by_name_is_the_variant_with_the_flag(tmp_path):
    with torch.device("meta"):
        by_name = build_network(NetworkRecipe(model="tiny-crm-only", image_size=128), 0).config
        by_flag = build_network(NetworkRecipe(model="tiny", dcim=False, image_size=128), 0).config
        both = build_network(NetworkRecipe(model="tiny-crm-only", crm=False, image_size=128), 0).config
    assert by_name == by_flag
    assert (both.crm, both.dcim) == (False, False)


def test_weights_of_a_baseline_are_taken_up_and_are_not_cipas(tmp_path):
    build_network(NetworkRecipe(model="sigma-nano", image_size=128), 3).save_pretrained(tmp_path / "weights")
    weights = str(tmp_path / "weights")
    assert build_network(NetworkRecipe(model="sigma-nano", image_size=128, weights=weights), 0).training
    with pytest.raises(UsageError, match=r"--model nano does not fit .* made with sigma-nano"):
        build_network(NetworkRecipe(**SMALL, weights=weights), 0)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"model": "vnet"}, "--model vnet is not possible: it must be one of tiny, .*swin-unetr"),
        ({"model": "unet", "crm": False}, "--no-crm .* as unet is of the family MONAI"),
        ({"model": "sigma-tiny", "dcim": False}, "--no-dcim .* as sigma-tiny is of the family Sigma"),
        ({"model": "dynunet", "init": "vssm.pth"}, "--init vssm.pth .* absent for dynunet"),
    ],
)
def test_what_a_network_does_not_have_is_refused_by_name(changes, line):
    with pytest.raises(UsageError, match=line):
        NetworkRecipe(**changes)


def test_init_and_weights_exclude_each_other():
    with pytest.raises(UsageError, match=r"--init .* absent where --weights is given"):
        NetworkRecipe(init="a", weights="b")


def test_doing_without_a_modality_can_be_learnt_late(tmp_path):
    model = build_network(NetworkRecipe(**SMALL), 3)
    model.save_pretrained(tmp_path / "weights")
    recipe = NetworkRecipe(**SMALL, weights=str(tmp_path / "weights"), modality_dropout=0.4)
    loaded = build_network(recipe, seed=4)
    assert loaded.config.modality_dropout == 0.4
    assert all(torch.equal(loaded.state_dict()[name], tensor) for name, tensor in model.state_dict().items())


def test_dropout_of_the_only_input_is_refused():
    with pytest.raises(UsageError, match=r"--modality-dropout 0.5 .* 0 where one input is absent"):
        NetworkRecipe(inputs="pet", modality_dropout=0.5)


def test_three_slices_start_from_weights_of_one_only_where_that_is_asked_for(tmp_path):
    one = build_network(NetworkRecipe(**SMALL), 3)
    one.save_pretrained(tmp_path / "weights")
    three = {**SMALL, "weights": str(tmp_path / "weights"), "slices": 3}
    with pytest.raises(UsageError, match=r"--slices 3 does not fit .* made with 1: .* --change-slices"):
        build_network(NetworkRecipe(**three), 0)
    model = build_network(NetworkRecipe(**three, change_slices=True), 0)
    assert model.config.slices == 3
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in one.state_dict().items())
    image = torch.randn(2, 1, 1, 128, 128).clamp(-1.6, 1.6)
    with torch.inference_mode():
        expected = one.eval()(*image)
        torch.testing.assert_close(
            model.eval()(*image.expand(-1, -1, 3, -1, -1)), expected, rtol=1e-4, atol=1e-4
        )
