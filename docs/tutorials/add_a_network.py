# %% [markdown]
# # Add a network
#
# A network of your own, trained and scored under the same loop as CIPA. This script adds it from outside;
# at the end stands where the same lines go to make it part of the package. It takes seconds.

# %%
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import cipa
from cipa.models import variants
from cipa.models.catalogue import CATALOGUE, Entry
from cipa.models.config import NetworkConfig
from cipa.models.pretrained import PretrainedFolder
from cipa.models.registry import FAMILIES
from cipa.phantom import write_phantoms
from cipa.training import (
    NetworkRecipe,
    OptimisationRecipe,
    RunningRecipe,
    TrainRecipe,
    ValidationRecipe,
    train,
)

out = Path(sys.argv[1] if len(sys.argv) > 1 else "added-network")

# %% [markdown]
# ## Its configuration
#
# What the network is made of, stored with its weights as `config.json`. Image size, windows and threshold
# come with `NetworkConfig`; `variants` names the sizes there are.


# %%
@dataclass(frozen=True, kw_only=True)
class LateFusionConfig(NetworkConfig):
    """Two small encoders whose maps are added."""

    width: int

    @classmethod
    def variants(cls, image_size: int = 512) -> Mapping[str, Mapping[str, Any]]:
        return {"late-fusion": {"width": 8}}


# %% [markdown]
# ## The network
#
# It maps `ct` and `pet`, (B, slices, H, W) each, to logits (B, classes, H, W). `PretrainedFolder` gives it
# `save_pretrained` and a model card.


# %%
class LateFusion(PretrainedFolder):
    config: LateFusionConfig

    def __init__(self, config: LateFusionConfig) -> None:
        super().__init__()
        self.config = config
        self.ct, self.pet = (self._encoder(config) for _ in range(2))
        self.head = nn.Sequential(
            nn.Upsample(scale_factor=4, mode="bilinear"), nn.Conv2d(2 * config.width, config.num_classes, 1)
        )

    @staticmethod
    def _encoder(config: LateFusionConfig) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(config.slices, config.width, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(config.width, 2 * config.width, 3, stride=2, padding=1),
            nn.ReLU(),
        )

    @property
    def description(self) -> str:
        return "Two encoders, fused late,"

    def forward(self, ct: Tensor, pet: Tensor) -> Tensor:
        return self.head(self.ct(ct) + self.pet(pet))


# %% [markdown]
# ## Make it known
#
# Three entries: what network goes with the configuration, which configuration has the name, and what `cipa
# models` says of it.

# %%
FAMILIES[LateFusionConfig] = LateFusion
variants.CONFIG_CLASSES += (LateFusionConfig,)
CATALOGUE["late-fusion"] = Entry("example", "two encoders, added", 2_769, 0.6, "nobody", "", "Apache-2.0")

model = cipa.create_model("late-fusion", image_size=128)
logits = model(torch.zeros(1, 1, 128, 128), torch.zeros(1, 1, 128, 128))
print(f"{sum(p.numel() for p in model.parameters()):,} parameters, logits {tuple(logits.shape)}")

# %% [markdown]
# ## Train, load, predict
#
# From here on it is a network like any other: the loop, checkpoints, `cipa.load_model` and `Predictor` take
# it.

# %%
write_phantoms(out / "data", 4, size=128, slices=(2, 3))
recipe = TrainRecipe(
    network=NetworkRecipe(model="late-fusion"),
    optimisation=OptimisationRecipe(epochs=2, batch_size=4, micro_batch=4, lr=1e-3),
    validation=ValidationRecipe(validation="none"),
    running=RunningRecipe(device="cpu", workers=0),
)
run = train(recipe, out / "data", out / "run", silent=True)
loaded = cipa.load_model(run.run)
print(f"{type(loaded).__name__} after {run.step} steps")

# %% [markdown]
# ## In the package
#
# | lines | file |
# |---|---|
# | the configuration | `src/cipa/models/config.py`, or a file of the family's own |
# | the network | a file of its own in `src/cipa/models` |
# | `FAMILIES` | `src/cipa/models/registry.py` |
# | `CONFIG_CLASSES` | `src/cipa/models/variants.py` |
# | the `Entry`, with what `cipa.models.cost.count` prints | `src/cipa/models/catalogue.py` |
#
# `cipa train --model late-fusion`, `cipa models`, `cipa evaluate` and the tests that go over the catalogue
# then take it. One of MONAI's networks needs less: [Three changes](../exercises.md) goes through it.
