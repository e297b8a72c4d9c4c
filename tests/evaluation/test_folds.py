import json

import pytest

from cipa.errors import DataError, UsageError
from cipa.evaluation.folds import Fold, read_folds


@pytest.fixture
def runs(tmp_path):
    def make(**left_out):
        for name, patients in left_out.items():
            (tmp_path / name / "best").mkdir(parents=True)
            (tmp_path / name / "split.json").write_text(json.dumps({"left_out": patients}))
        return [str(tmp_path / name) for name in left_out]

    return make


def test_each_patient_is_scored_by_the_runs_that_left_it_out(runs):
    one, two, again = runs(one=["a", "b"], two=["c"], again=["a", "b"])
    folds = read_folds([one, f"{two}/best", again], ["a", "b", "c"])
    assert folds == [Fold(("a", "b"), (one, again)), Fold(("c",), (f"{two}/best",))]


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        (
            {"one": ["a", "b"], "two": ["b", "c"]},
            "left out patient b, as .*one did, but not the same patients",
        ),
        ({"one": ["a", "b"]}, "patient c: no run left them out"),
        ({"one": ["a", "b", "c"], "two": []}, "two: left no patient out"),
        ({"one": ["a", "b", "c", "d"]}, "left out patient d, who is not in this list"),
    ],
)
def test_runs_that_do_not_share_out_the_patients_are_refused(runs, left_out, message):
    with pytest.raises(DataError, match=message):
        read_folds(runs(**left_out), ["a", "b", "c"])


def test_a_run_given_twice_or_without_a_split_is_refused(runs, tmp_path):
    [one] = runs(one=["a"])
    with pytest.raises(UsageError, match="given twice"):
        read_folds([one, one], ["a"])
    (tmp_path / "plain").mkdir()
    with pytest.raises(DataError, match=r"plain/split.json: no such file"):
        read_folds([str(tmp_path / "plain")], ["a"])
