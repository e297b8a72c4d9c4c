"""Two processes give what one gives: torchrun on a CPU, over gloo."""

import csv
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cipa.training.run import train

HERE = Path(__file__).parent
TOLERANCE = 1e-4
"""Of weights after 9 steps of at most 0.05 each: sums over 4 slices are rounded in another order."""


def torchrun(script, *arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run([*command, HERE / script, *arguments], capture_output=True, text=True)


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_batch_normalisation_over_two_processes_is_that_of_the_whole_batch():
    done = torchrun("norm_run.py")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_two_processes_stopped_and_resumed_give_the_weights_of_one(helpers, stub, data, tmp_path):
    train(helpers.small_recipe(micro_batch=4), data, tmp_path / "one")

    stopped = torchrun("stub_run.py", data, tmp_path / "two", "--stop-at", "5")
    assert f"exitcode  : {128 + signal.SIGTERM}" in stopped.stderr
    assert len(rows_of(tmp_path / "two/metrics.csv")) == 5
    resumed = torchrun("stub_run.py", data, tmp_path / "two", "--resume")
    assert resumed.returncode == 0, resumed.stderr

    one, two = (helpers.weights_of(tmp_path / run / "last") for run in ("one", "two"))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=TOLERANCE, msg=name)
    for alone, together in zip(
        rows_of(tmp_path / "one/validation.csv"), rows_of(tmp_path / "two/validation.csv"), strict=True
    ):
        assert float(together["dice"]) == pytest.approx(float(alone["dice"]), abs=0.01)
        assert float(together["loss"]) == pytest.approx(float(alone["loss"]), abs=1e-4)
    assert [row["step"] for row in rows_of(tmp_path / "two/metrics.csv")] == [str(n) for n in range(1, 10)]
