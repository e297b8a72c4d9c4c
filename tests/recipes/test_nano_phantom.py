import numpy as np
import pytest
import torch

from cipa.data.layout import image_path, read_ids
from cipa.data.pclt20k import PCLT20K
from cipa.io.png import write_grey
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
        made.append(held_out.HeldOut(f"{index:04d}", np.zeros_like(mask), pet, mask, 0.05))
    return made


def test_the_recipes_can_be_read_and_are_of_one_network(recipes):
    from nano_phantom import STAGES

    stages = [read_recipe(path) for path in STAGES.values()]
    assert [one.network.model for one in stages] == ["nano", "nano"]
    assert [one.network.image_size for one in stages] == [512, 512]
    assert all(one.optimisation.ema_decay and one.validation.validation == "none" for one in stages)
    assert stages[0].optimisation.lr > stages[1].optimisation.lr


def test_the_first_stage_sees_slices_with_tumour_alone(tmp_path):
    from phantom_sets import Part, gather

    for name, grey in (("0001_001", 0), ("0001_002", 255), ("0002_001", 0)):
        for kind in ("CT", "PET", "mask"):
            write_grey(image_path(tmp_path / "all", name, kind), np.full((8, 8), grey, np.uint8))
    (tmp_path / "all" / "train.txt").write_text("0001_001\n0001_002\n0002_001\n")
    part = Part(tmp_path / "all", 2, 0)
    gather((part,), tmp_path / "some", tumour_only=True)
    assert read_ids(tmp_path / "some", "train") == ["a0001_002"]
    gather((part, part), tmp_path / "twice")
    ids = read_ids(tmp_path / "twice", "train")
    assert ids == [f"{part}{name}" for part in "ab" for name in ("0001_001", "0001_002", "0002_001")]
    assert len([*map(PCLT20K(tmp_path / "twice", ids, size=8).__getitem__, range(6))]) == 6


def test_parts_are_drawn_beside_the_block_and_a_failure_is_told(tmp_path):
    from phantom_sets import Part, drawn_aside

    good, bad = Part(tmp_path / "good", 1, 3), Part(tmp_path / "bad", 0, 4)
    with drawn_aside((good, bad), 128, 1) as aside:
        aside.wait(good)
        assert read_ids(good.folder, "train")
        with pytest.raises(SystemExit, match="was not drawn"):
            aside.wait(bad)


def test_the_threshold_chosen_leaves_out_what_is_no_lesion(held_out, patients, monkeypatch):
    monkeypatch.setattr(held_out, "SMALLEST_CANDIDATES", (0.0,))
    assert held_out.choose([each.pet for each in patients], patients, (50, 110, 150, 190, 220)) == (150, 0.0)


def test_a_smallest_lesion_is_chosen_where_no_level_parts_hot_spots_from_lesions(held_out, patients):
    level, smallest = held_out.choose([each.pet for each in patients], patients, (50, 110))
    assert smallest == 0.4  # the hot spot has 0.2 mL, the lesion 3.75 mL
    scores = held_out.mean_scores([each.pet >= level for each in patients], patients, smallest)
    assert scores["lesion_f1"] == scores["dice"] == 1.0


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
        "smallest_ml": 0.2,
        "pet_smallest_ml": 0.4,
        "torch": "2.13",
        "recipe": "model: nano\n",
    }
    card = model_card(about, {"float16": row, "float32": row, "pet": row | {"dice": 0.31}})
    assert says in card
    assert f"| these weights | 0.860 | {f1:.3f} | 0.900 | 0.910 |" in card
    assert "| PET above SUV 4.0 and 0.4 mL, the best of all on the tuning patients | 0.310 |" in card
