"""Modules of recipes/, and rows of a table to read."""

import math
import sys
from pathlib import Path

import pytest
from recipes.sts.run import write_row

from cipa.evaluation.patient import METRICS

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(autouse=True)
def recipes(monkeypatch):
    """Import from recipes/ as its scripts do."""
    monkeypatch.syspath_prepend(str(RECIPES))
    yield RECIPES
    for name in ("held_out", "held_scores", "model_card", "nano_phantom", "packing", "phantom_sets"):
        sys.modules.pop(name, None)


PATIENTS = [f"P{number}" for number in range(6)]


def row(folder, name, seed, tp, *, cost=True, stress=False):
    """Write a row in which every patient has `tp` of 100 pixels found and 10 wrong ones."""
    scores = {**dict.fromkeys(METRICS, 0.5), "dice": tp / 100, "lesion_precision": math.nan}
    patients = {each: {"tp": tp, "fp": 10, "fn": 100 - tp, "tn": 1000, **scores} for each in PATIENTS}
    content = {
        "row": name,
        "seed": seed,
        "scored_on": "test patients",
        "steps": 12,
        "parameters": 2_000_000,
        "pooled": {"iou": tp / 110, "dice": 0.0, "acc": 0.0, "hd95": 4.0},
        "patients": patients,
    }
    if cost:
        spent = {"training_seconds": 30.0 + seed, "training_energy_wh": None, "peak_memory_mib": 2048.0}
        content |= {"cost": spent, "hardware": {"gpu": "a GPU", "processor": "a CPU"}}
    if stress:
        content["stress"] = {"CT alone": {"pooled": {"iou": 0.25}}}
    write_row(folder / f"{name}-{seed}" / "row.json", content)


@pytest.fixture
def folder(tmp_path):
    row(tmp_path, "unet", 0, 60)
    row(tmp_path, "tiny", 0, 80, stress=True)
    row(tmp_path, "tiny", 1, 90, stress=True)
    row(tmp_path, "PET SUV 2.5", 0, 20, cost=False)
    return tmp_path
