"""When a run may start or resume in a folder, and what a killed run left in it."""

import pytest

from cipa.errors import UsageError
from cipa.training.run_folder import RunFolder


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path / "run")


def fill(folder, text):
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text(text)
    return folder


@pytest.mark.parametrize("there", [False, True])
def test_a_new_run_starts_where_nothing_is(run, there):
    if there:
        run.path.mkdir()
    run.check_new()


def test_a_new_run_does_not_start_in_a_folder_that_holds_something(run):
    fill(run.path, "x")
    with pytest.raises(UsageError, match="exists and is not empty: add --resume"):
        run.check_new()


def test_a_new_run_does_not_take_the_name_of_a_file(run):
    run.path.write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        run.check_new()


def test_only_a_run_that_was_begun_is_resumed(run):
    with pytest.raises(UsageError, match="holds no run to resume"):
        run.check_begun()
    run.path.mkdir()
    run.config.write_text("{}")
    run.check_begun()


def test_unfinished_files_of_a_killed_run_are_deleted_and_nothing_else(run):
    fill(run.best, "best")
    fill(run.path / ".partial-host-1-00000000-best", "half")
    run.state.parent.mkdir()
    run.state.write_text("state")
    (run.state.parent / ".partial-host-1-00000000-state.pt").write_text("half")
    run.clear_remains()
    assert sorted(path.name for path in run.path.iterdir()) == ["best", "state"]
    assert [path.name for path in run.state.parent.iterdir()] == ["state.pt"]
    assert (run.best / "model.safetensors").read_text() == "best"


@pytest.mark.parametrize("name", ["best", "last"])
def test_weights_caught_between_two_renames_get_their_name_back(run, name):
    fill(run.path / f".partial-host-1-00000000-{name}-old", "the weights before")
    run.clear_remains()
    assert (run.path / name / "model.safetensors").read_text() == "the weights before"
    assert [path.name for path in run.path.iterdir()] == [name]


def test_weights_that_took_their_name_are_not_replaced_by_older_ones(run):
    fill(run.best, "new")
    fill(run.path / ".partial-host-1-00000000-best-old", "old")
    run.clear_remains()
    assert (run.best / "model.safetensors").read_text() == "new"
    assert [path.name for path in run.path.iterdir()] == ["best"]
