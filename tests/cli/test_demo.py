import json

import nibabel
import numpy as np
import pytest
import torch
from torch import nn

import cipa
from cipa.cli import demo, demo_training
from cipa.cli.main import main
from cipa.models.config import CIPAConfig


class HotSpots(nn.Module):
    """Calls tumour whatever is above SUV 5."""

    def __init__(self):
        super().__init__()
        self.config = CIPAConfig.of_variant("nano", image_size=128)
        self.bias = nn.Parameter(torch.tensor(5 / 20 * 3.2 - 1.6))

    def forward(self, ct, pet):
        return (pet - self.bias) * 100


@pytest.fixture
def small(monkeypatch):
    """Shrink the demo to what a test can wait for; the steps stay the same."""
    predictor = cipa.Predictor
    monkeypatch.setattr(cipa, "Predictor", lambda device: predictor(HotSpots(), device), raising=False)
    monkeypatch.setattr(demo, "SIZE", 128)
    monkeypatch.setattr(demo_training, "PATIENTS", 4)
    monkeypatch.setattr(demo_training, "SLICES", (2, 3))
    monkeypatch.setattr(demo_training, "BATCH", 4)


def test_the_demo_takes_a_study_from_dicom_to_a_report_and_scores_it(small, tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", "-o", str(out), "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    for name in ("result/report.html", "compared.png", "result/segmentation.dcm", "study"):
        assert f"{out}/{name}" in shown
        assert (out / name).exists()
    assert "PET above SUV 2.5" in shown
    assert "Not a medical device" in shown
    found = json.loads((out / "demo.json").read_text())
    scores = found["scores"]["CIPA nano, weights of the package"]
    mask, truth = (
        np.asarray(nibabel.load(out / name).dataobj) > 0 for name in ("result/mask.nii.gz", "truth.nii.gz")
    )
    voxel_ml = (500 / 128) ** 2 * 3.27 / 1000
    assert scores["prediction_ml"] == pytest.approx(mask.sum() * voxel_ml, rel=1e-3)
    assert scores["truth_ml"] == pytest.approx(truth.sum() * voxel_ml, rel=1e-3)
    assert scores["dice"] > 0.3  # a hot tumour of 156 mL: masks and truth lie the same way round
    assert {"study", "truth.nii.gz", "result", "compared.png", "demo.json"} == {
        path.name for path in out.iterdir()
    }


@pytest.mark.slow
def test_the_training_demo_goes_from_nothing_to_scores_and_pictures(small, tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", "--train", "-o", str(out), "--epochs", "2"]) == 0
    shown = capsys.readouterr().out
    assert "PET above SUV 2.5" in shown
    assert "CIPA nano" in shown
    for name in (
        "test/panels/median.png",
        "test/panels/worst.png",
        "training/curves.png",
        "test/per_patient.csv",
    ):
        assert (out / name).stat().st_size > 0
        assert f"{out}/{name}" in shown
    assert json.loads((out / "demo.json").read_text())["epochs"] == 2
    lists = {split: (out / "data" / f"{split}.txt").read_text().split() for split in ("train", "test")}
    patients = {split: {name.split("_")[0] for name in names} for split, names in lists.items()}
    assert not patients["train"] & patients["test"]

    assert main(["demo", "--train", "-o", str(out), "--epochs", "1"]) == 0  # an earlier demo is replaced
    assert json.loads((out / "demo.json").read_text())["epochs"] == 1


def test_slices_to_compare_are_spread_over_the_tumour():
    assert demo._spread(np.array([4, 5, 6, 7, 8])) == [5, 6, 7]
    assert demo._spread(np.array([9])) == [9]
    assert demo._spread(np.array([], int)) == [0]


def test_a_folder_that_is_no_demo_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("x")
    for words in (["demo"], ["demo", "--train"]):
        assert main([*words, "-o", str(tmp_path)]) == 2
        assert "something other than a demo" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
