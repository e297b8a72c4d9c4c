"""A data set of 128 x 128 slices and a network of two convolutions: a whole run takes a second."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from cipa.models.layers import DropPath
from cipa.training import recipe as recipes
from cipa.training.recipe import TrainRecipe

SIZE = 128


@dataclasses.dataclass(frozen=True)
class StubConfig:
    image_size: int = SIZE
    threshold: float = 0.5
    num_classes: int = 1


class StubNetwork(nn.Module):
    """Two convolutions about a batch normalisation and a drop path, with the interface of `cipa.CIPA`."""

    def __init__(self, drop_path=0.3):
        super().__init__()
        self.config = StubConfig()
        self.first = nn.Conv2d(2, 4, 5, stride=4, padding=2, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.drop_path = DropPath(drop_path)
        self.last = nn.Conv2d(4, 1, 1)

    def forward(self, ct, pet):
        hidden = self.norm(self.first(torch.cat([ct, pet], 1))).relu()
        hidden = hidden + self.drop_path(hidden)
        return nn.functional.interpolate(self.last(hidden), scale_factor=4, mode="bilinear")

    def save_pretrained(self, folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
        save_file(self.state_dict(), Path(folder) / "model.safetensors")
        (Path(folder) / "config.json").write_text(json.dumps(dataclasses.asdict(self.config)))


def weights_of(folder):
    return load_file(Path(folder) / "model.safetensors")


def write_data(root, patients=6, slices=3, size=SIZE, test_patients=2, lesion_free=0):
    """Bright discs on noise in PCLT20K layout; the first `lesion_free` slices of a patient have none."""
    draw = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size]
    lists = {"train": [], "test": []}
    for patient in range(patients + test_patients):
        name = f"{patient:04d}"
        (root / name).mkdir(parents=True)
        for number in range(slices):
            row, column = draw.integers(20, size - 20, 2)
            mask = (rows - row) ** 2 + (columns - column) ** 2 < draw.integers(60, 300) * (
                number >= lesion_free
            )
            noise = draw.integers(0, 60, (2, size, size))
            images = {"CT": noise[0] + 60 * mask, "PET": noise[1] + 190 * mask, "mask": 255 * mask}
            for kind, image in images.items():
                Image.fromarray(image.astype(np.uint8)).save(root / name / f"{name}_{number:03d}_{kind}.png")
            lists["train" if patient < patients else "test"].append(f"{name}_{number:03d}")
    for name, ids in lists.items():
        (root / f"{name}.txt").write_text("\n".join(ids))
    return root


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data") / "PCLT20K")


@pytest.fixture
def stub(monkeypatch):
    """Train a stub instead of CIPA, and draw no pictures."""

    def build(_, seed):
        torch.manual_seed(seed)
        return StubNetwork()

    monkeypatch.setattr("cipa.training.assembly.build_network", build)
    monkeypatch.setattr("cipa.training.run.draw_pictures", lambda *_: None)


def small_recipe(**changes):
    """A recipe of 3 epochs of 3 steps on `data`; `changes` by field name, whatever the group."""
    values = {"image_size": SIZE, "model": "nano", "epochs": 3, "batch_size": 4, "micro_batch": 2, "lr": 0.05}
    values |= {"workers": 0, "device": "cpu", "validation_fraction": 0.3, "tune": "no"} | changes
    groups = {}
    for field in dataclasses.fields(TrainRecipe):
        default = getattr(TrainRecipe(), field.name)
        names = {item.name for item in dataclasses.fields(default)} & values.keys()
        groups[field.name] = dataclasses.replace(default, **{name: values.pop(name) for name in names})
    assert not values, f"unknown fields {values}"
    return recipes.TrainRecipe(**groups)


@pytest.fixture
def helpers():
    """The functions of this file, for tests that cannot import it."""

    class Helpers:
        StubNetwork = StubNetwork
        small_recipe = staticmethod(small_recipe)
        weights_of = staticmethod(weights_of)
        write_data = staticmethod(write_data)

    return Helpers
