import json
from argparse import Namespace
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from cipa import load_model
from cipa.data.layout import image_path, read_ids
from cipa.data.pclt20k import PCLT20K
from cipa.evaluation.counts import Counts
from cipa.evaluation.lesions import match_lesions
from cipa.io.png import write_grey
from cipa.lesions.labelling import keep_lesions, label_lesions
from cipa.lesions.plausibility import Limits, split_by_size
from cipa.models.registry import create_model
from cipa.training.config_file import read_recipe

ALONG = np.array([[0, 0, 5, 0], [0, 2, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1]], float)
"""The affine of slices that lie along the first axis, 2 mm apart."""


@pytest.fixture
def patients():
    """Two patients of one lesion each; PET is 200 in it and 120 in a hot spot that is none."""
    from held_out import HeldOut

    made = []
    for index in range(2):
        mask = np.zeros((6, 16, 16), np.uint8)
        mask[1:4, 4:9, 4:9] = 1
        pet = np.where(mask > 0, 200, 10).astype(np.uint8)
        pet[5, 12:14, 12:14] = 120
        made.append(HeldOut(f"{index:04d}", np.zeros_like(mask), pet, mask, (2.0, 5.0, 5.0)))
    return made


@pytest.fixture
def uptake(patients):
    """What a threshold on PET would cut, with what it should give."""
    return [each.case(each.pet) for each in patients]


def test_the_recipes_can_be_read_and_are_of_one_network(recipes):
    from nano_phantom import STAGES

    stages = [read_recipe(path) for path in STAGES.values()]
    assert [one.network.model for one in stages] == ["nano", "nano"]
    assert [one.network.image_size for one in stages] == [256, 256]
    assert all(one.optimisation.ema_decay and one.validation.validation == "none" for one in stages)
    assert stages[0].optimisation.lr > stages[1].optimisation.lr


def test_the_first_stage_sees_slices_with_tumour_alone(tmp_path):
    from phantom_sets import Part, gather

    for name, grey in (("0001_001", 0), ("0001_002", 255), ("0002_001", 0)):
        for kind in ("CT", "PET", "mask"):
            write_grey(image_path(tmp_path / "all", name, kind), np.full((8, 8), grey, np.uint8))
    (tmp_path / "all" / "train.txt").write_text("0001_001\n0001_002\n0002_001\n")
    part = Part(tmp_path / "all", 2, 0, 8)
    gather((part,), tmp_path / "some", tumour_only=True)
    assert read_ids(tmp_path / "some", "train") == ["a0001_002"]
    gather((part, part), tmp_path / "twice")
    ids = read_ids(tmp_path / "twice", "train")
    assert ids == [f"{part}{name}" for part in "ab" for name in ("0001_001", "0001_002", "0002_001")]
    assert len([*map(PCLT20K(tmp_path / "twice", ids, size=8).__getitem__, range(6))]) == 6


def test_the_patients_tested_on_do_not_change_with_those_to_tune_on(tmp_path):
    from nano_phantom import _parser, held_parts

    held, more = held_parts(tmp_path, _parser().parse_args(["W", "--tuning-patients", "40"]))
    (alone,) = held_parts(tmp_path, _parser().parse_args(["W", "--tuning-patients", "12"]))
    assert held == alone
    assert (held.patients, held.tested, held.size) == (32, 20 / 32, 512)
    assert (more.patients, more.tested, more.seed == held.seed) == (28, 0.0, False)


def test_the_second_stage_takes_what_the_first_left_of_the_time(tmp_path):
    from nano_phantom import epochs_within

    rows = "slices_per_second,seconds\n1,30\n100,31\n100,32\n"
    (tmp_path / "metrics.csv").write_text(rows)
    assert epochs_within(132, tmp_path, slices=1000) == 9  # 100 s at 95 a second
    assert epochs_within(20, tmp_path, slices=1000) == 1


def test_the_threshold_chosen_leaves_out_what_is_no_lesion(uptake):
    from held_out import choose

    assert choose(map, uptake, (50, 110, 150, 190, 220), ((0.0, 0.0),)) == (150, (0.0, 0.0))


def test_a_smallest_lesion_is_chosen_where_no_level_parts_hot_spots_from_lesions(uptake):
    from held_out import LEAST_CANDIDATES, choose, mean_scores

    level, least = choose(map, uptake, (50, 110), LEAST_CANDIDATES)
    assert least == (0.0, 6.0)  # the hot spot has 0.2 mL and 2 mm, the lesion 3.75 mL and 6 mm
    assert choose(map, uptake, (50, 110), ((0.1, 0.0), (0.4, 0.0), (0.0, 9.0)))[1] == (0.4, 0.0)
    scores = mean_scores(map, uptake, level, least)
    assert scores["lesion_f1"] == scores["dice"] == 1.0


def test_false_lesions_anywhere_in_the_thorax_count(uptake):
    from held_out import mean_scores

    clean = mean_scores(map, uptake, 150, (0.0, 0.0))
    assert clean == {"dice": 1.0, "lesion_f1": 1.0, "lesion_sensitivity": 1.0, "lesion_precision": 1.0}
    loose = mean_scores(map, uptake, 110, (0.0, 0.0))
    assert loose["lesion_precision"] == 0.5
    assert loose["lesion_f1"] == pytest.approx(2 / 3)
    assert loose["dice"] == pytest.approx(2 * 75 / (2 * 75 + 4))


def test_a_patient_without_any_answer_counts_as_missed(uptake):
    from held_out import mean_scores

    half = [uptake[0], replace(uptake[1], values=np.zeros_like(uptake[1].values))]
    scores = mean_scores(map, half, 150, (0.0, 0.0))
    assert scores == {"dice": 0.5, "lesion_f1": 0.5, "lesion_sensitivity": 0.5, "lesion_precision": 1.0}


def test_every_level_and_smallest_lesion_scores_as_the_evaluation_does():
    from held_scores import Case, score_cases

    rng = np.random.default_rng(0)
    values = ndimage.gaussian_filter(rng.standard_normal((3, 12, 40, 40)), (0, 1, 2, 2)) * 10
    truth = (ndimage.gaussian_filter(rng.standard_normal((3, 12, 40, 40)), (0, 1, 2, 2)) * 10 > 1.2) * values
    cases = [
        Case(one, (true > 0).astype(np.uint8), (2.0, 2.0, 5.0))
        for one, true in zip(values, truth, strict=True)
    ]
    cases.append(replace(cases[0], truth=np.zeros_like(cases[0].truth)))
    levels, leasts = (0.5, 1.0, 1.5, 99.0), ((0.0, 0.0), (0.1, 0.0), (0.4, 7.0))
    scores = score_cases(map, cases, levels, leasts)
    assert scores.shape == (4, 4, 3, 4)
    assert len(np.unique(scores)) > 50
    for place in np.ndindex(scores.shape[:3]):
        case = cases[place[0]]
        mask = (case.values >= levels[place[1]]).view(np.uint8)
        labels, _ = label_lesions(mask)
        numbers, _ = split_by_size(labels, ALONG, Limits(*leasts[place[2]]))
        keep_lesions(labels, ALONG, numbers)
        answer = labels > 0
        lesions = match_lesions(answer, case.truth > 0)
        expected = [Counts.of(answer, case.truth).dice, lesions.f1, lesions.sensitivity, lesions.precision]
        np.testing.assert_array_equal(scores[place], expected)


class Halves:
    """Answers 1 where PET is above 100; takes images of half the patients' side."""

    image_size = 8

    def predict_slices(self, ct, pet):
        assert ct.shape == pet.shape == (6, 8, 8)
        return (pet > 100).astype(np.float32)


def test_answers_are_scored_on_the_pixels_of_the_patients(patients):
    from held_out import segment

    spread = replace(patients[0], spacing=(2.0, 31.25, 31.25))  # 16 pixels of 500 mm
    (case,) = segment(Halves(), [spread])
    assert case.values.shape == case.truth.shape == (6, 16, 16)
    assert case.values[2, 6, 6] == 1.0
    assert case.spacing == spread.spacing


def test_weights_that_do_not_fit_half_precision_are_refused():
    from packing import half

    rounded = half({"weight": torch.tensor([0.5]), "count": torch.tensor([3])})
    assert {name: tensor.dtype for name, tensor in rounded.items()} == {
        "weight": torch.float16,
        "count": torch.int64,
    }
    with pytest.raises(SystemExit, match="float16"):
        half({"weight": torch.tensor([1e6])})


def test_weights_are_packed_with_their_threshold_and_their_card(tmp_path, monkeypatch):
    import packing
    from phantom_sets import Part

    monkeypatch.setattr(packing, "processors", lambda: 1)
    spot = np.zeros((128, 128), np.uint8)
    spot[60:70, 60:70] = 255
    held = Part(tmp_path / "held", 2, 0, 128, 1.0, 0.5), Part(tmp_path / "tuning", 1, 1, 128)
    for part, train, test in zip(held, ("0001_001\n", "0003_001\n"), ("0002_001\n", ""), strict=True):
        for name in (train + test).split():
            for kind in ("CT", "PET", "mask"):
                write_grey(image_path(part.folder, name, kind), spot)
        (part.folder / "train.txt").write_text(train)
        (part.folder / "test.txt").write_text(test)
        (part.folder / "metadata.json").write_text('{"spacing_mm": [3.0, 1.0, 1.0]}')
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "train.txt").write_text("a0001_001\n")
    for stage in ("stage-1", "stage-2"):
        (tmp_path / stage).mkdir()
        (tmp_path / stage / "config.yaml").write_text(f"weights: {tmp_path}/here\n")
    create_model("nano", image_size=128).save_pretrained(tmp_path / "stage-2" / "last")
    packing.pack(tmp_path, held, Namespace(device="cpu", patients=7, study_size=128))
    config = load_model(tmp_path / "nano").config
    scores = json.loads((tmp_path / "scores.json").read_text())
    for name in ("threshold", "smallest_ml", "shortest_mm"):
        assert getattr(config, name) == scores[name]
    assert scores["scores"]["pet"]["dice"] == 1.0
    assert (scores["tuning_patients"], scores["test_patients"]) == (2, 1)
    card = (tmp_path / "nano" / "MODEL_CARD.md").read_text()
    assert "weights: WORK/here" in card
    assert "7 computer-drawn thorax PET-CT phantoms" in card


@pytest.mark.parametrize(("f1", "says"), [(0.9, "They reach"), (0.7, "a stand-in")])
def test_the_card_says_whether_the_weights_reach_what_was_asked(f1, says):
    from model_card import model_card

    row = {"dice": 0.86, "lesion_f1": f1, "lesion_sensitivity": 0.9, "lesion_precision": 0.91}
    about = {
        "patients": 400,
        "slices": 12_000,
        "tuning_patients": 12,
        "test_patients": 20,
        "size": 256,
        "study_size": 512,
        "parameters": 1_823_573,
        "megabytes": 3.7,
        "threshold": 0.5,
        "pet_suv": 4.0,
        "smallest_ml": 0.2,
        "shortest_mm": 6.0,
        "pet_smallest_ml": 0.4,
        "pet_shortest_mm": 0.0,
        "torch": "2.13",
        "recipe": "model: nano\n",
    }
    card = model_card(about, {"float16": row, "float32": row, "pet": row | {"dice": 0.31}})
    assert says in card
    assert f"| these weights | 0.860 | {f1:.3f} | 0.900 | 0.910 |" in card
    assert "| PET above SUV 4.0, 0.4 mL and 0 mm, the best of all on the tuning patients | 0.310 |" in card
