"""Which file is meant by the weights that a user names."""

from pathlib import Path

import pytest

from cipa.errors import UsageError
from cipa.models.bundled import bundled_weights
from cipa.models.checkpoints.locate import locate_weights


def put(folder, *names):
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "config.json").write_text("{}")
    return folder


def test_a_run_stands_for_its_best_weights(tmp_path):
    assert locate_weights(put(tmp_path / "run", "best", "last")) == tmp_path / "run" / "best"


def test_a_run_that_was_never_validated_stands_for_its_last(tmp_path):
    assert locate_weights(put(tmp_path / "run", "last")) == tmp_path / "run" / "last"


def test_half_written_weights_are_not_the_best(tmp_path):
    run = put(tmp_path / "run", "last")
    (run / "best").mkdir()
    assert locate_weights(run) == run / "last"


def test_a_folder_of_weights_is_itself_whatever_lies_in_it(tmp_path):
    folder = put(tmp_path, "weights", "weights/best") / "weights"
    assert locate_weights(folder) == folder


@pytest.mark.parametrize("name", ["CIPA.pth", "absent", "folder"])
def test_everything_else_is_as_it_was_given(tmp_path, name):
    (tmp_path / "CIPA.pth").write_text("x")
    (tmp_path / "folder").mkdir()
    assert locate_weights(str(tmp_path / name)) == tmp_path / name


def test_bundled_is_the_package_s_folder_which_holds_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate_weights("bundled") == bundled_weights()
    assert (Path(bundled_weights()) / "config.json").is_file()


def test_a_name_that_means_two_things_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bundled").mkdir()
    with pytest.raises(UsageError, match=r"bundled: the name of the package's weights and of something here"):
        locate_weights("bundled")
    assert locate_weights("./bundled") == Path("bundled")
