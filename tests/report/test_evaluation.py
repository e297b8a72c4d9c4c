"""The folder an evaluation leaves."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from cipa.errors import DataError
from cipa.evaluation.patient import PatientProtocol
from cipa.inference.predictor import Predictor
from cipa.report.evaluation import evaluate, is_evaluation


@pytest.fixture
def predictor(network):
    return Predictor(network, device="cpu", batch_size=3)


def test_writes_masks_tables_and_panels(predictor, slices, tmp_path):
    out, done = tmp_path / "out", []
    result = evaluate(
        predictor, slices, out, panels=2, about={"weights": "best"}, advance=lambda: done.append(1)
    )
    assert len(done) == len(slices)
    for index, slice_id in enumerate(slices.ids):
        with Image.open(out / "masks" / slice_id[:4] / f"{slice_id}.png") as image:
            assert image.mode == "L"
            np.testing.assert_array_equal(np.asarray(image) == 255, slices[index]["pet"][0].numpy() > 200)
    assert sorted(path.name for path in (out / "panels").iterdir()) == ["best.png", "median.png", "worst.png"]
    with (out / "per_slice.csv").open(newline="") as file:
        dice = [float(row["dice"]) for row in csv.DictReader(file)]
    assert dice == pytest.approx([row["dice"] for row in result.slices], abs=1e-5)
    assert dice == sorted(dice)
    assert dice[-1] == 1
    summary = json.loads((out / "summary.json").read_text())
    assert summary["dice"] == result.dice
    assert (summary["weights"], summary["variant"], summary["threshold"]) == ("best", "nano", 0.5)
    assert is_evaluation(out)


def test_masks_and_panels_can_be_left_out(predictor, slices, tmp_path):
    evaluate(predictor, slices, tmp_path / "out", masks=False, panels=0)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["per_patient.csv", "per_slice.csv", "summary.json"]


def test_a_failure_leaves_nothing_new_and_the_earlier_whole(predictor, slices, tmp_path, monkeypatch):
    out = tmp_path / "out"
    evaluate(predictor, slices, out, masks=False, panels=0)
    before = (out / "summary.json").read_bytes()
    read = type(slices).__getitem__

    def unreadable(self, index):
        if index == 5:
            raise DataError("0002_005: unreadable")
        return read(self, index)

    monkeypatch.setattr(type(slices), "__getitem__", unreadable)
    for folder in (out, tmp_path / "new"):
        with pytest.raises(DataError, match="0002_005"):
            evaluate(predictor, slices, folder)
    assert (out / "summary.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_other_folders_are_not_taken_for_an_evaluation(tmp_path):
    assert not is_evaluation(tmp_path)
    (tmp_path / "summary.json").write_text("{}")
    assert not is_evaluation(tmp_path)


def test_patients_are_scored_in_3d_when_asked(predictor, slices, tmp_path):
    names = [f"{number:04d}" for number in range(5)]
    patients = PatientProtocol(dict.fromkeys(names, (3.0, 1.0, 1.0)))
    evaluate(predictor, type(slices)(10), tmp_path / "out", masks=False, panels=0, patients=patients)
    with (tmp_path / "out" / "per_patient_3d.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["patient"] for row in rows] == names
    assert [float(row["dice"]) for row in rows] == pytest.approx(
        [row["dice"] for row in patients.result().patients], abs=1e-5
    )
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())["patient_3d"]
    assert summary["metrics"]["dice"]["mean"] == pytest.approx(patients.result().spreads["dice"].mean.value)
    low, high = summary["metrics"]["dice"]["mean_interval"]
    assert low < summary["metrics"]["dice"]["mean"] < high
    assert summary["missed"] == []
