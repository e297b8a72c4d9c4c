"""`cipa predict` on CT alone, or PET alone, and `--inputs`."""

import json
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
import torch
from torch import nn

from cipa.cli.main import main

LESION = np.s_[10:14, 20:22, 1]


class Bright(nn.Module):
    """Tumour where CT or PET, whichever is brighter, is brighter than half."""

    def __init__(self, **config):
        super().__init__()
        windows = {"ct_window": (-1200.0, 200.0), "suv_max": 20.0}
        self.config = SimpleNamespace(image_size=32, num_classes=1, threshold=0.5, **windows, **config)

    def forward(self, ct, pet):
        return torch.maximum(ct, pet) * 100


@pytest.fixture
def volumes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ct, pet = np.full((32, 32, 4), -1000, np.int16), np.zeros((32, 32, 4), np.float32)
    ct[LESION], pet[LESION] = 40, 18
    for name, array in {"ct": ct, "pet": pet}.items():
        image = nibabel.Nifti1Image(array, np.diag([-1.0, -1.0, 3.0, 1.0]))
        image.set_sform(image.affine, code=1)
        nibabel.save(image, f"{name}.nii.gz")
    return tmp_path


def predict(monkeypatch, *words, **config):
    monkeypatch.setattr("cipa.inference.weights.load_model", lambda path: Bright(**config))
    return main(["predict", "--weights", "w", "--device", "cpu", *words])


def result(folder):
    return json.loads((folder / "lesions.json").read_text())


@pytest.mark.parametrize("config", [{"inputs": "ct"}, {"modality_dropout": 0.3}])
def test_ct_alone_gives_volumes_and_no_suv(volumes, monkeypatch, capsys, config):
    assert predict(monkeypatch, "--ct", "ct.nii.gz", "-o", "out", **config) == 0
    mask = nibabel.load("out/mask.nii.gz").get_fdata()
    assert mask.sum() == mask[LESION].sum() == 8
    found = result(volumes / "out")
    (lesion,) = found["lesions"]
    assert lesion["volume_ml"] == pytest.approx(0.024)
    assert [lesion[name] for name in ("suv_max", "suv_mean", "suv_peak", "tlg")] == [None] * 4
    assert (found["patient"]["suv_max"], found["patient"]["tlg"]) == (None, None)
    printed = capsys.readouterr()
    assert "ct: 1 lesion, 0.02 mL, " in printed.out
    assert "no PET was given: lesions are without SUV" in printed.err
    page = (volumes / "out" / "report.html").read_text()
    assert "<h1>CT lesion report</h1>" in page
    assert "maximum intensity projections" not in page
    assert "lesions are without SUV" in page
    assert [picture.name for picture in (volumes / "out" / "pictures").iterdir()] == ["lesion_01.png"]


@pytest.mark.parametrize("config", [{"inputs": "pet"}, {"modality_dropout": 0.3}])
def test_pet_alone_is_segmented_and_measured_on_its_own_grid(volumes, monkeypatch, capsys, config):
    assert predict(monkeypatch, "--pet", "pet.nii.gz", "-o", "out", **config) == 0
    assert nibabel.load("out/mask.nii.gz").get_fdata()[LESION].sum() == 8
    assert result(volumes / "out")["lesions"][0]["suv_max"] == pytest.approx(18)
    assert "the mask lies on the PET's grid" in capsys.readouterr().err


def test_what_is_finished_is_not_done_again_and_one_mask_can_be_named(volumes, monkeypatch, capsys):
    words = ("--ct", "ct.nii.gz", "-o", "out")
    assert predict(monkeypatch, *words, inputs="ct") == 0
    assert predict(monkeypatch, *words, inputs="ct") == 0
    assert "finished before" in capsys.readouterr().out
    assert predict(monkeypatch, "--ct", "ct.nii.gz", "-o", "mask.nii.gz", inputs="ct") == 0
    assert nibabel.load("mask.nii.gz").get_fdata().sum() == 8


@pytest.mark.parametrize(
    ("words", "config", "code", "line"),
    [
        (["--ct", "ct.nii.gz"], {}, 1, "CT only, but these weights need CT and PET: give the PET too"),
        (["--pet", "pet.nii.gz"], {}, 1, "PET only, but these weights need CT and PET: give the CT too"),
        (["--ct", "ct.nii.gz"], {"inputs": "pet"}, 1, "CT only, but these weights need PET alone"),
        (["--ct", "ct.nii.gz", "--inputs", "pet"], {}, 2, "--inputs pet: only --ct was given"),
        (["--ct", "ct.png"], {"inputs": "ct"}, 2, "--ct ct.png: give two .png, or two NIfTI files"),
        (["--ct", "pet"], {"inputs": "ct"}, 2, "one alone must be NIfTI"),
    ],
)
def test_half_a_study_is_refused_by_weights_that_need_both(
    volumes, monkeypatch, capsys, words, config, code, line
):
    assert predict(monkeypatch, *words, "-o", "out", **config) == code
    assert line in capsys.readouterr().err
    assert not (volumes / "out").exists()


def test_a_pair_can_be_shown_in_part_which_untrained_weights_are_warned_of(volumes, monkeypatch, capsys):
    image = nibabel.load("ct.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.full(image.shape, -1000, np.int16), image.affine), "air.nii.gz")
    pair = ("--ct", "air.nii.gz", "--pet", "pet.nii.gz", "--inputs")
    assert predict(monkeypatch, *pair, "ct", "-o", "ct") == 0
    assert "not trained to do without the other one" in capsys.readouterr().err
    assert result(volumes / "ct")["lesions"] == []
    assert predict(monkeypatch, *pair, "pet", "-o", "pet", modality_dropout=0.2) == 0
    assert "not trained" not in capsys.readouterr().err
    assert result(volumes / "pet")["lesions"][0]["suv_max"] == pytest.approx(18)
