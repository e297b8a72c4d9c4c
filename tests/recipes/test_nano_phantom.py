import numpy as np
import pytest
import torch

from cipa.training.config_file import read_recipe


@pytest.fixture
def held_out(monkeypatch):
    import held_out

    monkeypatch.setattr(held_out, "processors", lambda: 1)
    return held_out


@pytest.fixture
def patients(held_out):
    """Two patients of one lesion each; PET is 200 in it and 120 in a hot spot that is none."""
    made = []
    for index in range(2):
        mask = np.zeros((6, 16, 16), np.uint8)
        mask[1:4, 4:9, 4:9] = 1
        pet = np.where(mask > 0, 200, 10).astype(np.uint8)
        pet[5, 12:14, 12:14] = 120
        made.append(held_out.HeldOut(f"{index:04d}", np.zeros_like(mask), pet, mask))
    return made


def test_the_recipe_can_be_read_and_keeps_the_average_of_the_weights(recipes):
    recipe = read_recipe(recipes / "nano-phantom.yaml")
    assert recipe.network.model == "nano"
    assert recipe.network.image_size == 512
    assert recipe.optimisation.ema_decay
    assert recipe.validation.validation == "none"
    assert "recipes/nano_phantom.py" in (recipes / "nano-phantom.yaml").read_text()


def test_the_threshold_chosen_leaves_out_what_is_no_lesion(held_out, patients):
    assert held_out.choose([each.pet for each in patients], patients, (50, 110, 150, 190, 220)) == 150


def test_false_lesions_anywhere_in_the_thorax_count(held_out, patients):
    clean = held_out.mean_scores([each.pet >= 150 for each in patients], patients)
    assert clean == {"dice": 1.0, "lesion_f1": 1.0, "lesion_sensitivity": 1.0, "lesion_precision": 1.0}
    loose = held_out.mean_scores([each.pet >= 110 for each in patients], patients)
    assert loose["lesion_precision"] == 0.5
    assert loose["lesion_f1"] == pytest.approx(2 / 3)
    assert loose["dice"] == pytest.approx(2 * 75 / (2 * 75 + 4))


def test_weights_that_do_not_fit_half_precision_are_refused():
    from nano_phantom import _half

    assert _half(torch.tensor([0.5])).dtype == torch.float16
    assert _half(torch.tensor([3])).dtype == torch.int64
    with pytest.raises(SystemExit, match="float16"):
        _half(torch.tensor([1e6]))


@pytest.mark.parametrize(("f1", "says"), [(0.9, "They reach"), (0.7, "a stand-in")])
def test_the_card_says_whether_the_weights_reach_what_was_asked(f1, says):
    from model_card import model_card

    row = {"dice": 0.86, "lesion_f1": f1, "lesion_sensitivity": 0.9, "lesion_precision": 0.91}
    about = {
        "patients": 400,
        "slices": 12_000,
        "tuning_patients": 12,
        "test_patients": 20,
        "size": 512,
        "parameters": 1_823_573,
        "megabytes": 3.7,
        "threshold": 0.5,
        "pet_suv": 4.0,
        "torch": "2.13",
        "recipe": "model: nano\n",
    }
    card = model_card(about, {"float16": row, "float32": row, "pet": row | {"dice": 0.31}})
    assert says in card
    assert f"| these weights | 0.860 | {f1:.3f} | 0.900 | 0.910 |" in card
    assert "| PET above SUV 4.0, the best of all thresholds on the tuning patients | 0.310 |" in card
