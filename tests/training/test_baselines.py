"""Every baseline through the real loop: trained, stopped, resumed to the same bits, evaluated, compared."""

import csv
import signal

import pytest
import torch
from torch import nn

from cipa import create_model, load_model
from cipa.cli.main import main
from cipa.models.monai.config import BaselineConfig
from cipa.training.optimizer import split_by_decay
from cipa.training.run import train
from cipa.training.sync_batchnorm import synchronise_batchnorm
from stopped_training import stop_before_step

NARROW = {
    "unet": {"width": 4, "levels": 3},
    "attention-unet": {"width": 4, "levels": 3},
    "dynunet": {"width": 4, "levels": 4},
    "swin-unetr": {"width": 12, "levels": 6},
}
NAMES = (*NARROW, "sigma-nano")
SLOW = ("swin-unetr", "sigma-nano")


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """MONAI's networks at a width that trains in seconds on a CPU, and no pictures."""
    monkeypatch.setattr(BaselineConfig, "variants", classmethod(lambda cls, image_size=512: NARROW))
    monkeypatch.setattr("cipa.training.run.draw_pictures", lambda *_: None)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in NAMES]
)
def test_it_trains_resumes_to_the_same_bits_and_is_evaluated(
    helpers, data, tmp_path, monkeypatch, name, capsys
):
    recipe = helpers.small_recipe(model=name, epochs=1, lr=1e-3)
    whole = train(recipe, data, tmp_path / "whole", silent=True)
    stop_before_step(monkeypatch, 1)
    assert train(recipe, data, tmp_path / "parts", silent=True).stopped_by == signal.SIGTERM
    train(None, data, tmp_path / "parts", resume=True, silent=True)

    assert whole.step == 3
    resumed = helpers.weights_of(tmp_path / "parts" / "last")
    for key, tensor in helpers.weights_of(tmp_path / "whole" / "last").items():
        assert torch.equal(tensor, resumed[key]), key
    assert load_model(tmp_path / "whole" / "best").config.variant == name

    weights, out = str(tmp_path / "whole" / "last"), tmp_path / "evaluation"
    options = ["--device", "cpu", "--panels", "0", "--protocol", "published"]
    assert main(["evaluate", str(data), "--weights", weights, "-o", str(out), *options]) == 0
    with (out / "per_slice.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 6
    images = [str(data / "0000" / f"0000_000_{kind}.png") for kind in ("CT", "PET")]
    mask = tmp_path / "mask.png"
    words = ["--ct", images[0], "--pet", images[1], "-o", str(mask), "--weights", weights, "--device", "cpu"]
    assert main(["predict", *words]) == 0
    assert mask.is_file()


def test_a_baseline_and_cipa_are_compared(helpers, data, tmp_path, capsys):
    for name in ("unet", "nano"):
        create_model(name, image_size=128).save_pretrained(tmp_path / name)
        words = ["--weights", str(tmp_path / name), "-o", str(tmp_path / f"{name}-test"), "--panels", "0"]
        assert main(["evaluate", str(data), *words, "--device", "cpu", "--spacing", "3", "1", "1"]) == 0
    assert main(["compare", str(tmp_path / "unet-test"), str(tmp_path / "nano-test")]) == 0
    assert "nano-test" in capsys.readouterr().out


def test_every_parameter_of_every_baseline_is_trained_and_only_matrices_decay():
    for name in NAMES:
        model = create_model(name, image_size=128)
        with_decay, without = split_by_decay(model)
        assert sum(map(torch.numel, [*with_decay, *without])) == sum(map(torch.numel, model.parameters()))
        names = {id(parameter): key for key, parameter in model.named_parameters()}
        assert not [names[id(p)] for p in with_decay if "bias" in names[id(p)] or p.ndim < 2], name


@pytest.mark.parametrize("name", NARROW)
def test_batch_norms_are_synchronised_and_other_norms_left_alone(name):
    model = create_model(name, image_size=128)
    before = {key: type(module) for key, module in model.named_modules()}
    keys = list(model.state_dict())
    synchronise_batchnorm(model, torch.device("cpu"))
    assert list(model.state_dict()) == keys
    changed = {before[key] for key, module in model.named_modules() if type(module) is not before[key]}
    assert changed == ({nn.BatchNorm2d} if name == "attention-unet" else set())
