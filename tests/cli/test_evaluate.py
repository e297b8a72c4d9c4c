"""`cipa evaluate` from the command line, on a data set and weights made here."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from cipa.cli.main import main
from small_networks import HotSpots

SIZE = 128


def write_slice(data, slice_id, side, size=SIZE):
    folder = data / slice_id.split("_")[0]
    folder.mkdir(parents=True, exist_ok=True)
    pet, mask = np.full((size, size), 10, np.uint8), np.zeros((size, size), np.uint8)
    pet[30:50, 30:50], mask[30 : 30 + side, 30:50] = 240, 255
    for name, image in (("CT", np.full_like(pet, 90)), ("PET", pet), ("mask", mask)):
        Image.fromarray(image).save(folder / f"{slice_id}_{name}.png")


@pytest.fixture
def data(tmp_path):
    root = tmp_path / "data"
    for slice_id, side in (("0001_001", 20), ("0001_002", 10), ("0002_001", 20)):
        write_slice(root, slice_id, side)
    (root / "test.txt").write_text("0001_001\n0001_002")
    (root / "train.txt").write_text("0002_001\n")
    return root


@pytest.fixture(autouse=True)
def weights(monkeypatch):
    monkeypatch.setattr("cipa.inference.weights.load_model", lambda path: HotSpots())


def evaluate(data, out, *options):
    words = ["evaluate", data, "--weights", "best", "-o", out, "--device", "cpu", *options]
    return main([str(word) for word in words])


def one_line(capsys) -> str:
    message = capsys.readouterr().err.strip()
    assert "\n" not in message
    assert message.startswith("cipa: ")
    return message


def test_scores_the_test_list_and_prints_the_papers_metrics(data, tmp_path, capsys):
    assert evaluate(data, tmp_path / "out") == 0
    text = capsys.readouterr().out
    assert "75.00" in text  # IoU of 600 of 800 pixels
    assert "85.71" in text  # Dice
    assert "protocol published: pooled pixels; 2 slices, 1 patient" in text
    assert "per_slice.csv" in text
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["iou"] == 0.75
    assert (summary["list"], summary["weights"]) == ("test", "best")
    assert (tmp_path / "out" / "masks" / "0001" / "0001_002.png").is_file()


def test_options_reach_the_evaluation(data, tmp_path, capsys):
    options = ["--list", "train", "--no-masks", "--panels", "0", "--threshold", "0.9", "--batch-size", "1"]
    assert evaluate(data, tmp_path / "out", *options) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["list"], summary["slices"], summary["threshold"]) == ("train", 1, 0.9)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["per_patient.csv", "per_slice.csv", "summary.json"]


def test_data_of_another_size_is_one_line_with_both_sizes(data, tmp_path, capsys):
    for slice_id in ("0001_001", "0001_002"):
        write_slice(data, slice_id, 20, size=256)
    assert evaluate(data, tmp_path / "out") == 1
    message = one_line(capsys)
    assert "256 x 256" in message
    assert "128 x 128" in message
    assert not (tmp_path / "out").exists()


def test_an_earlier_evaluation_is_replaced_only_when_asked(data, tmp_path, capsys):
    out = tmp_path / "out"
    assert evaluate(data, out) == 0
    capsys.readouterr()
    assert evaluate(data, out) == 2
    assert "--overwrite" in one_line(capsys)
    assert evaluate(data, out, "--overwrite", "--no-masks") == 0
    assert not (out / "masks").exists()


@pytest.mark.parametrize("options", [(), ("--overwrite",)])
def test_a_folder_with_anything_else_is_never_replaced(data, tmp_path, capsys, options):
    assert evaluate(data, data, *options) == 2
    assert "something other" in one_line(capsys)
    assert (data / "test.txt").is_file()


def test_a_missing_mask_is_one_line_and_nothing_is_left(data, tmp_path, capsys):
    (data / "0001" / "0001_002_mask.png").unlink()
    assert evaluate(data, tmp_path / "out") == 1
    assert "0001_002_mask.png" in one_line(capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


@pytest.mark.parametrize(
    "options", [("--panels", "-1"), ("--batch-size", "0"), ("--threshold", "1.5"), ("--list", "validation")]
)
def test_options_out_of_range_are_usage_errors(data, tmp_path, capsys, options):
    assert evaluate(data, tmp_path / "out", *options) == 2
    one_line(capsys)


def test_an_empty_list_is_a_data_error(data, tmp_path, capsys):
    (data / "test.txt").write_text("\n")
    assert evaluate(data, tmp_path / "out") == 1
    assert "test.txt" in one_line(capsys)


def test_without_a_spacing_one_line_says_how_to_give_it(data, tmp_path, capsys):
    assert evaluate(data, tmp_path / "out") == 0
    text = capsys.readouterr().out
    assert "published protocol only" in text
    assert "--spacing Z Y X" in text
    assert not (tmp_path / "out" / "per_patient_3d.csv").exists()


def test_a_spacing_adds_the_patients_in_3d(data, tmp_path, capsys):
    out = tmp_path / "out"
    assert evaluate(data, out, "--spacing", "3", "1", "2", "--tolerance", "1") == 0
    text = capsys.readouterr().out
    assert "75.00" in text  # the published protocol's IoU, as ever
    assert "NSD % at 1 mm" in text
    assert "voxels 2 x 1 x 3 mm (x, y, z)" in text
    row = (out / "per_patient_3d.csv").read_text().splitlines()[1].split(",")
    assert row[:4] == ["0001", "scored", "2", "0"]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["iou"] == 0.75
    assert summary["patient_3d"]["metrics"]["iou"]["mean"] == 0.75
    assert summary["patient_3d"]["metrics"]["volume_error_ml"]["mean"] == pytest.approx(200 * 6 / 1000)
    assert summary["patient_3d"]["tolerance_mm"] == 1


def test_the_spacing_comes_from_the_metadata_and_a_protocol_can_be_chosen(data, tmp_path, capsys):
    (data / "metadata.json").write_text('{"spacing_mm": [3, 1, 1]}')
    assert evaluate(data, tmp_path / "patient", "--protocol", "patient") == 0
    text = capsys.readouterr().out
    assert "protocol patient: 3-D, mm" in text
    assert "protocol published" not in text
    assert evaluate(data, tmp_path / "published", "--protocol", "published") == 0
    assert "per patient, 3-D" not in capsys.readouterr().out
    assert not (tmp_path / "published" / "per_patient_3d.csv").exists()


def test_scores_in_mm_are_refused_by_name_without_a_spacing(data, tmp_path, capsys):
    assert evaluate(data, tmp_path / "out", "--protocol", "patient") == 1
    message = one_line(capsys)
    assert "patient 0001" in message
    assert "--spacing" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--spacing", "3", "1"),
        ("--spacing", "3", "0", "1"),
        ("--spacing", "1", "1", "1", "--tolerance", "-2"),
    ],
)
def test_a_wrong_spacing_or_tolerance_is_a_usage_error(data, tmp_path, capsys, options):
    assert evaluate(data, tmp_path / "out", *options) == 2
    one_line(capsys)


def test_a_threshold_on_pet_is_scored_like_weights(data, tmp_path, capsys):
    words = ["evaluate", data, "--pet-threshold", "41%", "-o", tmp_path / "out"]
    assert main([str(word) for word in words]) == 0
    assert "PET threshold 41%" in capsys.readouterr().out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["iou"] == 0.75
    assert summary["pet_threshold"] == "PET at or above 41 % of the patient's maximum"
    assert (tmp_path / "out" / "panels" / "worst.png").is_file()


def test_weights_and_a_threshold_exclude_each_other(data, tmp_path, capsys):
    assert main(["evaluate", str(data), "-o", str(tmp_path / "out")]) == 2
    assert "give one of --weights, --pet-threshold and --masks" in one_line(capsys)


def test_a_network_shown_ct_alone_finds_nothing_hot_and_the_user_is_warned(data, tmp_path, capsys):
    assert evaluate(data, tmp_path / "out", "--inputs", "ct") == 0
    assert "not trained to do without" in capsys.readouterr().err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["inputs"], summary["iou"]) == ("ct", 0)


def test_folds_are_scored_together_each_patient_by_the_run_that_left_it_out(data, tmp_path, monkeypatch):
    """The run of patient 0001 sees hot spots, that of patient 0002 nothing."""

    class Blind(HotSpots):
        def forward(self, ct, pet):
            return torch.full_like(pet, -20)

    (data / "train.txt").write_text("0001_001\n0001_002\n0002_001\n")
    for name, patient in (("one", "0001"), ("two", "0002")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "split.json").write_text(json.dumps({"left_out": [patient]}))
    kinds = {str(tmp_path / "one"): HotSpots, str(tmp_path / "two"): Blind}
    monkeypatch.setattr("cipa.inference.weights.load_model", lambda path: kinds[str(path)]())

    words = ["evaluate", str(data), "--list", "train", "--out-of-fold", "-o", str(tmp_path / "out")]
    assert main([*words, *(f"--weights={run}" for run in kinds), "--spacing", "3", "1", "1"]) == 0
    rows = (tmp_path / "out/per_patient_3d.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in rows[1:]] == [["0001", "scored"], ["0002", "missed"]]
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert [fold["patients"] for fold in summary["out_of_fold"]] == [["0001"], ["0002"]]
    assert summary["slices"] == 3
    assert (tmp_path / "out/panels/worst.png").is_file()


def test_flips_are_averaged_and_said(data, tmp_path):
    assert evaluate(data, tmp_path / "out", "--tta", "flips") == 0
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert (summary["flips"], summary["iou"]) == (True, 0.75)


def test_weights_that_learnt_from_another_scale_are_refused(data, tmp_path, capsys, monkeypatch):
    network = HotSpots()
    network.config.suv_max = 20.0
    monkeypatch.setattr("cipa.inference.weights.load_model", lambda path: network)
    (data / "metadata.json").write_text(json.dumps({"suv_max": 7}))
    assert evaluate(data, tmp_path / "out") == 1
    assert "stored with suv_max 7, but best learnt from 20" in one_line(capsys)


def test_a_set_of_tumour_slices_alone_is_warned_of(data, tmp_path, capsys):
    assert evaluate(data, tmp_path / "out") == 0
    assert "warning: every slice scored shows tumour" in capsys.readouterr().err
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["slices_without_tumour"] == 0
    assert "false-positive volume" in summary["warnings"][0]
