"""A row from a data set: trained, scored, written down, and not made twice."""

import json

import numpy as np
import pytest
import torch
from recipes.sts.meter import _integral
from recipes.sts.rows import changed, recipe_of
from recipes.sts.run import HELD_OUT, run_row, scored_slices
from recipes.sts.stress import STRESSES, Stressed
from recipes.sts.thresholds import run_thresholds

from cipa.data.layout import patient_of, read_ids
from cipa.phantom import write_phantoms
from cipa.training.slices import read_slices

SMALL = {
    "model": "nano",
    "image_size": 128,
    "batch_size": 2,
    "micro_batch": 2,
    "epochs": 1,
    "workers": 0,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "set"
    write_phantoms(root, patients=5, size=128, slices=(2, 2), test_fraction=0.2)
    return root


def test_a_row_is_trained_scored_and_kept(data, tmp_path):
    recipe = recipe_of("nano", 1, SMALL)
    path = run_row(
        "nano", recipe, data, data, tmp_path / "work", tmp_path / "out", held_out=False, stress=True
    )
    row = json.loads(path.read_text())
    assert (row["row"], row["seed"], row["steps"], row["recipe"]["network"]["model"]) == (
        "nano",
        1,
        4,
        "nano",
    )
    assert set(row["stress"]) == set(STRESSES)
    assert len(row["patients"]) == 1
    assert {"tp", "dice", "hd95_mm"} <= set(next(iter(row["patients"].values())))
    assert (path.parent / "loss.csv").read_text().startswith("step,loss,seconds")
    assert (path.parent / "evaluation" / "per_patient_3d.csv").is_file()
    before = path.stat().st_mtime_ns
    run_row("nano", recipe, data, data, tmp_path / "work", tmp_path / "out", held_out=False, stress=True)
    assert path.stat().st_mtime_ns == before


def test_held_out_patients_are_those_that_training_leaves_out(data):
    recipe = changed(recipe_of("nano", 0, SMALL), HELD_OUT)
    root, held = scored_slices(recipe, data, data, held_out=True)
    assert root == data
    learnt = read_slices(recipe, data).training.ids
    assert sorted(learnt + held) == sorted(read_ids(data, "train"))
    assert not {patient_of(each) for each in learnt} & {patient_of(each) for each in held}


def test_thresholds_are_rows_too(data, tmp_path):
    paths = run_thresholds(data, data, tmp_path)
    rows = [json.loads(path.read_text()) for path in paths]
    assert [row["row"] for row in rows] == ["PET 41 % of maximum", "PET SUV 2.5", "PET SUV tuned"]
    assert all(0 < row["pooled"]["iou"] < 1 for row in rows)


def test_harder_slices_change_the_modality_they_name():
    class One:
        ids = ("0001_001",)

        def __len__(self):
            return 1

        def __getitem__(self, index):
            grey = torch.zeros(1, 64, 64, dtype=torch.uint8)
            grey[0, 20, 30] = 200
            return {"ct": grey, "pet": grey.clone(), "mask": grey > 0}

    found = {name: Stressed(One(), change)[0] for name, change in STRESSES.items()}
    assert found["CT alone"]["pet"].sum() == 0
    assert found["PET alone"]["ct"].sum() == 0
    assert found["PET 10 mm right and down"]["pet"][0, 30, 40] == 200
    assert found["PET at 70 %"]["pet"].max() == 140
    assert all(item["mask"].sum() == 1 for item in found.values())


def test_energy_is_the_integral_of_power():
    assert _integral([(1.0, 100.0), (2.0, 300.0)], 0.0, 3.0) == pytest.approx((100 + 200 + 300) / 3600)
    assert _integral([], 0.0, 3.0) is None
    assert np.isfinite(_integral([(1.0, 50.0)], 0.0, 2.0))
