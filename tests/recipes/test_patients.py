"""The recipe on patients it never saw: any crop size, one command, nothing counted twice."""

import csv
import json
import sys

import numpy as np
import pytest
import torch
from recipes.patients import queues
from recipes.patients.__main__ import main
from recipes.patients.codes import encode_ct, encode_pet
from recipes.patients.fields import cut_fields
from recipes.patients.job import split
from recipes.patients.prepare import prepare_patients, read_files
from recipes.patients.recipe import STILL, Recipe
from recipes.patients.score import predict, score
from recipes.patients.volumes import load_volumes

from patient_volumes import write_patient

CPU = torch.device("cpu")


@pytest.fixture
def small(monkeypatch):
    """Make rows of a network and of minutes that a test can wait for."""
    changes = {"model": "nano", "steps": 2, "seconds": 0, "batch": 2, "settings": {"slices": 3, "dim": 8}}
    monkeypatch.setitem(queues.NETWORKS, "nano", changes)


def _run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["recipes.patients", *map(str, words)])
    main()


def test_one_command_scores_patients_of_any_crop_size_by_folds(volumes, small, tmp_path, monkeypatch, capsys):
    _run(monkeypatch, "row", "nano", "--train", volumes, "--folds", 2, "-o", tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out" / "scores.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["run"], row["patient"]) for row in rows] == [("0", "P0"), ("0", "P2"), ("1", "P1")]
    ball_ml = 4 / 3 * np.pi * 2.4**3
    assert all(0.1 * ball_ml < float(row["truth_ml"]) < ball_ml for row in rows)
    assert "| nano | 3 |" in capsys.readouterr().out


def test_other_patients_are_scored_by_weights_of_all(volumes, small, tmp_path, monkeypatch):
    write_patient(tmp_path / "others" / "Q0", 310, 240)
    _run(
        monkeypatch, "row", "nano", "--train", volumes, "--test", tmp_path / "others", "-o", tmp_path / "out"
    )
    job = json.loads((tmp_path / "out" / "nano-all.json").read_text())
    assert list(job["test"]) == ["Q0"]
    assert job["fold"] is None


def test_a_network_without_recipe_is_one_line():
    with pytest.raises(SystemExit, match="unheard: no recipe of that name; one of tiny"):
        queues.jobs_of("unheard")


def test_folds_hold_out_every_patient_once(volumes, tmp_path):
    prepare_patients(volumes, tmp_path / "sts")
    held = [split(tmp_path / "sts", [fold, 3])[1] for fold in range(3)]
    assert sorted(name for fold in held for name in fold) == ["P0", "P1", "P2"]
    learnt, out = split(tmp_path / "sts", [1, 3])
    assert not set(learnt) & set(out)


def test_a_crop_wider_than_the_image_is_shown_whole_and_goes_back_to_its_place(volumes, tmp_path):
    prepare_patients(volumes, tmp_path / "sts")
    wide = load_volumes(read_files(tmp_path / "sts", ["P1"]), CPU)

    class Uptake(torch.nn.Module):
        config = type("Config", (), {"slices": 1})

        def forward(self, ct, pet):
            return (pet - pet.amin()) / (pet.amax() - pet.amin()) * 20 - 10

    maps = predict(Uptake(), wide, 0, Recipe(size=128, pixel=500 / 256, ct_window=(-160, 240)))
    truth = wide.mask.numpy() > 0
    found = maps >= 0.5
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.93


def test_neighbours_of_an_outer_slice_are_the_slice_itself(volumes, tmp_path):
    prepare_patients(volumes, tmp_path / "sts")
    loaded = load_volumes(read_files(tmp_path / "sts", ["P0", "P2"]), CPU)
    first_of_second = torch.tensor([loaded.slices_of(1).start])
    recipe = Recipe(size=128, pixel=500 / 256, variation=STILL)
    stack = cut_fields(loaded, first_of_second, recipe, 3).ct[0]
    assert torch.equal(stack[0], stack[1])
    assert not torch.equal(stack[1], stack[2])


def test_patients_keep_their_own_slice_distance(tmp_path):
    write_patient(tmp_path / "volumes" / "thin", 60, 60, thickness=2.0)
    write_patient(tmp_path / "volumes" / "thick", 60, 60, thickness=5.0)
    prepare_patients(tmp_path / "volumes", tmp_path / "sts")
    loaded = load_volumes(read_files(tmp_path / "sts"), CPU)
    assert dict(zip(loaded.names, loaded.thickness, strict=True)) == pytest.approx(
        {"thick": 5.0, "thin": 2.0}
    )


def test_codes_keep_hu_and_suv_within_their_steps():
    hu = np.linspace(-600, 420, 500)
    assert np.abs(encode_ct(hu) * 4.0 - 600 - hu).max() <= 2.0
    suv = np.linspace(1, 40, 500)
    assert (np.abs((encode_pet(suv) / 255.0) ** 2 * 40 - suv) / suv).max() < 0.03


def test_scores_count_volumes_and_lesions():
    truth = np.zeros((6, 20, 20), np.uint8)
    truth[1:3, 2:6, 2:6] = 1
    probability = np.zeros(truth.shape, np.float32)
    probability[1:3, 2:6, 2:4] = 0.9
    probability[5, 15, 15] = 0.9
    cell = score(probability, truth, (10.0, 10.0, 10.0))[0]
    assert (cell["tp"], cell["fp"], cell["fn"]) == (16, 0, 16)
    assert cell["dice"] == pytest.approx(2 * 16 / (17 + 32))
    assert (cell["false_ml"], cell["truth_ml"]) == (1.0, 32.0)
    assert (cell["lesions"], cell["found"], cell["predicted"], cell["right"]) == (1, 1, 2, 1)
    kept = score(probability, truth, (10.0, 10.0, 10.0), smallest_ml=(2.0,))[0]
    assert (kept["false_ml"], kept["predicted"]) == (0.0, 1)
