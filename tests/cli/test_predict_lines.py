"""What `cipa predict` prints of a study: the numbers of its result, and nothing that acts on a terminal."""

import pytest

from cipa.cli.predict_lines import MOST_ROWS, outcome_line, print_lesions, print_warnings, totals_line
from cipa.inference.batch import Outcome

TOTALS = {"lesions": 2, "mtv_ml": 12.345, "tlg": 98.76, "suv_max": 7.891}


def test_the_totals_of_a_study_are_those_of_its_row():
    assert totals_line(TOTALS) == "2 lesions, MTV 12.35 mL, TLG 98.8, SUVmax 7.89"
    assert totals_line(TOTALS | {"lesions": 1}).startswith("1 lesion, MTV")


def test_without_a_lesion_there_are_no_numbers():
    assert totals_line({"lesions": 0, "mtv_ml": 0.0, "tlg": 0.0, "suv_max": None}) == "no lesion"


def test_without_pet_there_is_a_volume_and_no_uptake():
    line = totals_line({"lesions": 1, "mtv_ml": 2.0, "tlg": None, "suv_max": None})
    assert line == "1 lesion, 2.00 mL"


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (Outcome("p1", "done", 3.21, TOTALS), "p1: 2 lesions, MTV 12.35 mL, TLG 98.8, SUVmax 7.89, 3.2 s"),
        (Outcome("p1", "skipped", 0.0, TOTALS), "SUVmax 7.89, finished before"),
        (Outcome("p1", "done", 1.0, TOTALS, ("a", "b")), "1.0 s, 2 warnings"),
        (Outcome("p1", "failed", 1.0, error="no PET series"), "p1: failed: no PET series"),
    ],
)
def test_an_outcome_is_one_line(outcome, line):
    assert line in outcome_line(outcome)


@pytest.mark.parametrize("name", ["p\n1", "p\x1b[31m1", "p\u202e1"])
def test_a_name_cannot_act_on_the_terminal(name):
    for outcome in (Outcome(name, "done", 1.0, TOTALS), Outcome(name, "failed", 1.0, error=f"{name}: x")):
        assert outcome_line(outcome).isprintable()


def test_each_warning_is_a_line_on_standard_error(capsys):
    print_warnings(("one", "two"))
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["one", "two"]


def lesion(number, **changes):
    values = {
        "volume_ml": 2.0,
        "suv_max": 9.0,
        "suv_mean": 5.0,
        "suv_peak": 7.0,
        "sul_peak": 5.5,
        "tlg": 10.0,
    }
    return {"number": number, "first_slice": 4, "last_slice": 6} | values | changes


@pytest.fixture
def result(tmp_path, monkeypatch):
    def keep(lesions, **facts):
        found = {"lesions": lesions, "facts": facts}
        monkeypatch.setattr("cipa.inference.save.read_result", lambda folder: found)
        return tmp_path

    return keep


def test_the_largest_lesions_are_listed_and_the_rest_is_counted(result, capsys):
    print_lesions(result([lesion(number) for number in range(1, MOST_ROWS + 4)]))
    shown = capsys.readouterr().out
    assert "and 3 more in lesions.csv" in shown
    assert "5-7" in shown  # slices are counted from 1 here
    assert "SULpeak" in shown


def test_a_value_that_is_not_known_is_a_dash_and_no_zero(result, capsys):
    print_lesions(result([lesion(1, suv_max=None, suv_mean=None, suv_peak=None, sul_peak=None, tlg=None)]))
    shown = capsys.readouterr().out
    assert "SULpeak" not in shown
    assert "0.00" not in shown
    assert "2.00" in shown


def test_why_there_is_no_sul_is_said(result, capsys):
    folder = result([lesion(1, sul_peak=None)], examination={"date": None}, sul={"how": "height is missing"})
    print_lesions(folder)
    assert "height is missing" in capsys.readouterr().out


def test_a_result_without_lesions_prints_no_table(result, capsys):
    print_lesions(result([]))
    assert capsys.readouterr().out == ""
