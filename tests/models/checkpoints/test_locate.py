from pathlib import Path

import pytest

import cipa
from cipa.errors import UsageError
from cipa.models.bundled import bundled_weights
from cipa.models.checkpoints.locate import locate_weights


@pytest.fixture
def run(tmp_path):
    """A training run with best and last weights."""
    for name in ("best", "last"):
        (tmp_path / "run" / name).mkdir(parents=True)
        (tmp_path / "run" / name / "config.json").write_text("{}")
    (tmp_path / "run" / "config.yaml").write_text("epochs: 1\n")
    return tmp_path / "run"


def test_of_a_run_the_best_weights_are_taken(run):
    assert locate_weights(run) == run / "best"
    assert locate_weights(str(run)) == run / "best"


def test_of_a_run_without_best_ones_the_last_are_taken(run):
    (run / "best" / "config.json").unlink()
    assert locate_weights(run) == run / "last"


@pytest.mark.parametrize("name", ["best", "last", "best/model.safetensors", "nothing.pth"])
def test_what_is_no_run_stays_as_it_is(run, name):
    assert locate_weights(run / name) == run / name


def test_the_packages_weights_have_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate_weights("bundled") == bundled_weights()
    assert cipa.load_model("bundled").config == cipa.load_model(bundled_weights()).config


def test_a_folder_of_that_name_must_be_told_from_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("bundled").mkdir()
    with pytest.raises(UsageError, match=r"write \./bundled"):
        locate_weights("bundled")
    assert locate_weights("./bundled") == Path("bundled")
    assert locate_weights(Path("bundled")) == Path("bundled")
