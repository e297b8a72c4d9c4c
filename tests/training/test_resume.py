"""A run that is stopped and resumed ends with the weights, to the bit, of one that was not."""

import csv
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cipa.errors import DataError, UsageError
from cipa.training.run import train
from cipa.training.trainer import Trainer
from stopped_training import stop_before_step

SCRIPT = Path(__file__).with_name("stub_run.py")


def table(path, drop=("seconds", "slices_per_second", "memory_mib")):
    with path.open(newline="") as file:
        return [{name: row[name] for name in row if name not in drop} for row in csv.DictReader(file)]


def assert_same_run(one, other, weights_of):
    for folder in ("best", "last"):
        for name, tensor in weights_of(one / folder).items():
            assert torch.equal(tensor, weights_of(other / folder)[name]), (folder, name)
    for name in ("metrics.csv", "validation.csv"):
        assert table(one / name) == table(other / name)


@pytest.mark.parametrize("step", [2, 3, 5], ids=["mid-epoch", "end of epoch", "second epoch"])
def test_a_run_stopped_by_sigterm_resumes_to_the_same_weights(
    helpers, stub, data, tmp_path, monkeypatch, step
):
    recipe = helpers.small_recipe(ema_decay=0.9, clip_norm=1.0)
    train(recipe, data, tmp_path / "whole")

    stop_before_step(monkeypatch, step)
    stopped = train(recipe, data, tmp_path / "parts")
    assert (stopped.stopped_by, stopped.step) == (signal.SIGTERM, step)
    resumed = train(recipe, data, tmp_path / "parts", resume=True)

    assert (resumed.stopped_by, resumed.step) == (0, 9)
    assert_same_run(tmp_path / "whole", tmp_path / "parts", helpers.weights_of)


def test_another_seed_gives_other_weights(helpers, stub, data, tmp_path):
    """Else the tests of this file could not fail."""
    train(helpers.small_recipe(), data, tmp_path / "one")
    train(helpers.small_recipe(seed=1), data, tmp_path / "other")
    with pytest.raises(AssertionError):
        assert_same_run(tmp_path / "one", tmp_path / "other", helpers.weights_of)


def test_readers_in_processes_of_their_own_change_nothing(helpers, stub, data, tmp_path, monkeypatch):
    train(helpers.small_recipe(), data, tmp_path / "alone")
    stop_before_step(monkeypatch, 5)
    train(helpers.small_recipe(workers=2), data, tmp_path / "readers")
    train(helpers.small_recipe(workers=1), data, tmp_path / "readers", resume=True)
    assert_same_run(tmp_path / "alone", tmp_path / "readers", helpers.weights_of)


def test_ctrl_c_stops_after_the_step_and_tells_which_signal_it_was(
    helpers, stub, data, tmp_path, monkeypatch
):
    stop_before_step(monkeypatch, 4, signal.SIGINT)
    stopped = train(helpers.small_recipe(), data, tmp_path / "run")
    assert (stopped.stopped_by, stopped.step) == (signal.SIGINT, 4)


def test_a_kill_while_a_state_is_written_loses_only_the_steps_since_the_one_before(
    helpers, stub, data, tmp_path
):
    train(helpers.small_recipe(save_every=1), data, tmp_path / "whole")
    killed = subprocess.run([sys.executable, SCRIPT, data, tmp_path / "parts", "--die-in-save", "5"])
    assert killed.returncode == -signal.SIGKILL
    remains = list((tmp_path / "parts/state").glob(".partial-*"))
    assert remains

    train(helpers.small_recipe(save_every=1), data, tmp_path / "parts", resume=True)
    assert not any(path.exists() for path in remains)
    assert_same_run(tmp_path / "whole", tmp_path / "parts", helpers.weights_of)


def test_a_run_killed_before_its_first_state_begins_again(helpers, stub, data, tmp_path):
    train(helpers.small_recipe(), data, tmp_path / "whole")
    train(helpers.small_recipe(), data, tmp_path / "parts")
    shutil.rmtree(tmp_path / "parts/state")
    train(None, data, tmp_path / "parts", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "parts", helpers.weights_of)


def test_a_full_disk_is_one_line_and_leaves_the_state_before_it(helpers, stub, data, tmp_path, monkeypatch):
    train(helpers.small_recipe(), data, tmp_path / "whole")
    stop_before_step(monkeypatch, 4)
    train(helpers.small_recipe(), data, tmp_path / "run")
    before = (tmp_path / "run/state/state.pt").read_bytes()

    def full(contents, file):
        file.write(b"half a state")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("cipa.training.state.torch.save", full)
        with pytest.raises(
            DataError, match=r"state\.pt could not be written \(No space left.*--resume"
        ) as failure:
            train(None, data, tmp_path / "run", resume=True)
    assert "\n" not in str(failure.value)
    assert (tmp_path / "run/state/state.pt").read_bytes() == before
    assert [path.name for path in (tmp_path / "run/state").iterdir()] == ["state.pt"]
    train(None, data, tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "run", helpers.weights_of)


def test_a_changed_recipe_is_refused_by_the_name_of_the_field(helpers, stub, data, tmp_path):
    train(helpers.small_recipe(epochs=1), data, tmp_path / "run")
    for change in ({"lr": 0.1}, {"epochs": 2}, {"affine": 0.0}, {"dcim": False}, {"validation_seed": 1}):
        with pytest.raises(UsageError, match=f"{next(iter(change)).replace('_', '-')} .* differs from"):
            train(helpers.small_recipe(**{"epochs": 1, **change}), data, tmp_path / "run", resume=True)


def test_other_slices_are_refused(helpers, stub, data, tmp_path):
    train(helpers.small_recipe(epochs=1), data, tmp_path / "run")
    other = helpers.write_data(tmp_path / "other", patients=7)
    with pytest.raises(UsageError, match="begun with other slices"):
        train(None, other, tmp_path / "run", resume=True)


def test_a_damaged_state_is_named(helpers, stub, data, tmp_path):
    train(helpers.small_recipe(epochs=1), data, tmp_path / "run")
    state = tmp_path / "run/state/state.pt"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"state\.pt is damaged"):
        train(None, data, tmp_path / "run", resume=True)


def test_a_finished_run_resumes_to_itself(helpers, stub, data, tmp_path):
    train(helpers.small_recipe(), data, tmp_path / "run")
    before = table(tmp_path / "run/metrics.csv")
    result = train(None, data, tmp_path / "run", resume=True)
    assert (result.step, result.stopped_by) == (9, 0)
    assert table(tmp_path / "run/metrics.csv") == before


def test_a_run_killed_behind_a_validation_writes_its_row_once(helpers, stub, data, tmp_path, monkeypatch):
    """The row is on disk, the state that says so is not yet."""
    recipe = helpers.small_recipe()
    train(recipe, data, tmp_path / "whole")
    save, killed = Trainer._save, []

    def die(self, **options):
        if self.position.validated_step == 3 and not killed:
            killed.append(True)
            raise KeyboardInterrupt
        return save(self, **options)

    monkeypatch.setattr(Trainer, "_save", die)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, data, tmp_path / "parts")
    assert [row["step"] for row in table(tmp_path / "parts" / "validation.csv")] == ["3"]
    train(recipe, data, tmp_path / "parts", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "parts", helpers.weights_of)


def test_a_state_of_another_network_is_one_line(helpers, stub, data, tmp_path, monkeypatch):
    stop_before_step(monkeypatch, 2)
    train(helpers.small_recipe(), data, tmp_path / "run")
    state = next((tmp_path / "run").rglob("state.pt"))
    content = torch.load(state, weights_only=True)
    torch.save(content | {"model": {"w": torch.ones(2)}}, state)
    with pytest.raises(DataError, match=r"state\.pt is damaged and cannot be resumed from") as caught:
        train(helpers.small_recipe(), data, tmp_path / "run", resume=True)
    assert "\n" not in str(caught.value)
