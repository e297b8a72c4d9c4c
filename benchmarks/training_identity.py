"""Print a hash of every loss of a small seeded run: `python -m benchmarks.training_identity`.

A refactoring of the training code must not change a bit of it: run this before and after, on one machine. The
recipe names every value that decides the losses, so that a changed default does not show here.
"""

import csv
import hashlib
import sys
import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from cipa.training.recipe import TrainRecipe
from cipa.training.run import train

SIDE = 128
PATIENTS, SLICES = 5, 4
RECIPE: dict[str, Any] = {
    "model": "nano",
    "image_size": SIDE,
    "ct_window": (-1200.0, 200.0),
    "suv_max": 20.0,
    "slices": 1,
    "epochs": 2,
    "batch_size": 4,
    "micro_batch": 2,
    "dice": "image",
    "lr": 1e-3,
    "ema_decay": 0.9,
    "clip_norm": 1.0,
    "precision": "fp32",
    "validation_fraction": 0.3,
    "lesion_free": None,
    "tune": "no",
    "drop_path": 0.1,
    "modality_dropout": 0.2,
    "misregistration": 0.5,
    "pet_intensity": 0.5,
    "device": "cpu",
    "workers": 0,
}
"""By field name; names that a version of the code does not have yet are left out."""


def write_slices(root: Path) -> None:
    """Write a data set of discs on noise in PCLT20K layout; a slice of each patient has no disc."""
    draw = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    ids = []
    for patient in range(PATIENTS):
        name = f"{patient:04d}"
        (root / name).mkdir(parents=True)
        for number in range(SLICES):
            row, column = draw.integers(20, SIDE - 20, 2)
            disc = (rows - row) ** 2 + (columns - column) ** 2 < draw.integers(60, 300) * (number > 0)
            noise = draw.integers(0, 60, (2, SIDE, SIDE))
            images = {"CT": noise[0] + 60 * disc, "PET": noise[1] + 190 * disc, "mask": 255 * disc}
            for kind, image in images.items():
                Image.fromarray(image.astype(np.uint8)).save(root / name / f"{name}_{number:03d}_{kind}.png")
            ids.append(f"{name}_{number:03d}")
    (root / "train.txt").write_text("\n".join(ids))


def recipe() -> TrainRecipe:
    """Return the run's recipe."""
    default = TrainRecipe()
    groups = {}
    for group in fields(TrainRecipe):
        known = getattr(default, group.name)
        names = {item.name for item in fields(known)} & RECIPE.keys()
        groups[group.name] = replace(known, **{name: RECIPE[name] for name in names})
    return TrainRecipe(**groups)


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data, run = Path(folder, "data"), Path(folder, "run")
        write_slices(data)
        train(recipe(), data, run, silent=True)
        losses = [
            row["loss"]
            for name in ("metrics.csv", "validation.csv")
            for row in csv.DictReader((run / name).read_text().splitlines())
        ]
    print(f"{len(losses)} losses, last {losses[-1]}", file=sys.stderr)
    print(hashlib.sha256(" ".join(losses).encode()).hexdigest()[:16])


if __name__ == "__main__":
    main()
