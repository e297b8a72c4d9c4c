"""`cipa train` from the command line, with the smallest network."""

import csv
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from cipa.cli.main import main
from cipa.training.config_file import read_recipe
from cipa.training.recipe import TrainRecipe
from stopped_training import stop_before_step

SMALL = ["--model", "nano", "--image-size", "128", "--batch-size", "4", "--lr", "1e-3", "--epochs", "2"]
SMALL += ["--workers", "0", "--device", "cpu", "--validation-fraction", "0.3"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Bright discs in noise: 8 slices of 4 patients, 128 x 128."""
    root, draw = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    rows, columns = np.mgrid[:128, :128]
    ids = [f"{patient:04d}_{number}" for patient in range(4) for number in range(2)]
    for slice_id in ids:
        row, column = draw.integers(30, 98, 2)
        disc = (rows - row) ** 2 + (columns - column) ** 2 < 150
        (root / slice_id[:4]).mkdir(exist_ok=True)
        for kind, image in {"CT": 80 * disc, "PET": 200 * disc, "mask": 255 * disc}.items():
            noise = 0 if kind == "mask" else draw.integers(0, 50, disc.shape)
            Image.fromarray((image + noise).astype(np.uint8)).save(
                root / slice_id[:4] / f"{slice_id}_{kind}.png"
            )
    (root / "train.txt").write_text("\n".join(ids))
    return root


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A run of two epochs of one step that nothing disturbs."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    assert main(["train", str(data), "-o", str(run), *SMALL]) == 0
    return run


def test_a_run_ends_with_weights_tables_and_pictures(whole):
    from cipa import load_model

    assert {path.name for path in whole.iterdir()} >= {"best", "last", "curves.png", "validation.png"}
    assert len(rows_of(whole / "metrics.csv")) == len(rows_of(whole / "validation.csv")) == 2
    assert load_model(whole / "best").config.image_size == 128
    with Image.open(whole / "validation.png") as picture:
        assert picture.width > 500


def test_its_config_repeats_it_to_the_bit(data, whole, tmp_path, capsys):
    again = tmp_path / "again"
    assert main(["train", str(data), "-o", str(again), "--config", str(whole / "config.yaml")]) == 0
    assert_same_weights(whole, again)
    assert "best validation Dice" in capsys.readouterr().out


def test_sigterm_gives_143_and_the_command_that_goes_on(data, whole, tmp_path, capsys, monkeypatch):
    stop_before_step(monkeypatch, 1)
    run = tmp_path / "run"
    assert main(["train", str(data), "-o", str(run), *SMALL]) == 143
    assert f"stopped by SIGTERM at step 1 of 2; resume with: cipa train {data} -o {run} --resume" in (
        capsys.readouterr().err
    )
    assert main(["train", str(data), "-o", str(run), "--resume"]) == 0
    assert "resumed at step 1" in capsys.readouterr().out
    assert_same_weights(whole, run)


@pytest.mark.slow
def test_torchrun_with_two_processes_gives_the_run_of_one(data, whole, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "cipa", "train", str(data), "-o", str(tmp_path / "two"), *SMALL]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name, tolerance in (("metrics.csv", 1e-4), ("validation.csv", 1e-3)):
        losses = [[float(row["loss"]) for row in rows_of(run / name)] for run in (whole, tmp_path / "two")]
        assert losses[1] == pytest.approx(losses[0], rel=tolerance), name
    assert done.stdout.count("learns from 6 slices") == done.stdout.count("done: 2 steps") == 1


def test_print_config_is_the_published_recipe_and_can_be_used(tmp_path):
    printed = subprocess.run(
        [sys.executable, "-m", "cipa", "train", "--print-config"], capture_output=True, text=True
    )
    assert printed.returncode == 0
    (tmp_path / "mine.yaml").write_text(printed.stdout)
    assert read_recipe(tmp_path / "mine.yaml") == TrainRecipe()


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ([], 2, "DATA is missing"),
        (["DATA"], 2, "-o RUN is missing"),
        (["DATA", "-o", "RUN", "--lr", "fast"], 2, "--lr fast is not possible: it must be a number"),
        (["DATA", "-o", "RUN", "--lr", "-1"], 2, "--lr -1.0 is not possible"),
        (["DATA", "-o", "RUN", "--speed", "9"], 2, "--speed"),
        (["DATA", "-o", "RUN", "--model", "huge"], 2, "--model huge is not possible: it must be one of tiny"),
        (["DATA", "-o", "RUN", "--resume"], 2, "holds no run to resume"),
        (["absent", "-o", "RUN"], 1, "absent/train.txt"),
        (["DATA", "-o", "RUN", "--config", "absent.yaml"], 2, "absent.yaml"),
        (["DATA", "-o", "DATA"], 2, "not empty"),
        (["DATA", "-o", "RUN", "--image-size", "256"], 1, "128 x 128 pixels where 256 x 256"),
    ],
)
def test_a_mistake_is_one_line_with_its_code(data, tmp_path, capsys, words, code, line):
    places = {"DATA": str(data), "RUN": str(tmp_path / "run")}
    assert main(["train", *(places.get(word, word) for word in words)]) == code
    error = capsys.readouterr().err
    assert line in error
    assert error.startswith("cipa: ")
    assert len(error.strip().splitlines()) == 1


def test_another_recipe_on_resume_is_refused_by_name(data, whole, capsys):
    assert main(["train", str(data), "-o", str(whole), "--resume", "--lr", "0.5"]) == 2
    assert "--lr 0.5 differs from the 0.001" in capsys.readouterr().err


def assert_same_weights(one, other):
    for folder in ("best", "last"):
        weights = load_file(one / folder / "model.safetensors")
        for name, tensor in load_file(other / folder / "model.safetensors").items():
            assert torch.equal(tensor, weights[name]), (folder, name)
