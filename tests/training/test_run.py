"""A run from beginning to end, and what it leaves behind."""

import csv

import pytest
import torch

from cipa.errors import DataError, UsageError
from cipa.training.run import train


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_learns_and_leaves_its_tables_and_weights(helpers, stub, data, tmp_path, capsys):
    result = train(helpers.small_recipe(epochs=8), data, tmp_path / "run")

    assert (result.step, result.total_steps, result.stopped_by) == (24, 24, 0)
    metrics, validation = rows_of(tmp_path / "run/metrics.csv"), rows_of(tmp_path / "run/validation.csv")
    assert [int(row["step"]) for row in metrics] == list(range(1, 25))
    assert float(metrics[-1]["loss"]) < 0.8 * float(metrics[0]["loss"])
    assert [int(row["epoch"]) for row in validation] == list(range(1, 9))
    assert result.best_dice == pytest.approx(max(float(row["dice"]) for row in validation), abs=1e-8)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "best", "config.yaml", "last", "metrics.csv", "state", "validation.csv",
    }  # fmt: skip
    assert "learns from 12 slices of 4 patients" in capsys.readouterr().out
