"""Evaluation folders are read back whole or refused, and compared only where they were scored alike."""

import csv
import json
import math

import pytest

from cipa.errors import DataError, UsageError
from cipa.evaluation.comparable import require_comparable
from cipa.evaluation.patient import METRICS
from cipa.evaluation.runs import AXES, PIXELS, POOLED_METRICS, Run, read_runs

SLICES = ("0001_001", "0001_002", "0002_001")


def write_table(path, key, columns, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([key, *columns])
        writer.writerows([name, *(values[column] for column in columns)] for name, values in rows.items())


def write_run(folder, *, is_3d=False, tolerance=2.0, pixels=None, **about):
    folder.mkdir(parents=True)
    counts = {name: {"tp": 3, "fp": 1, "fn": 2, "tn": 94} | (pixels or {}) for name in SLICES}
    write_table(folder / "per_slice.csv", "slice", PIXELS, counts)
    scores = dict.fromkeys((*POOLED_METRICS, *METRICS), 0.5) | dict(zip(AXES, (3.0, 1.0, 1.0), strict=True))
    patients = {"0001": scores, "0002": scores}
    write_table(folder / "per_patient.csv", "patient", POOLED_METRICS, patients)
    summary = dict(about)
    if is_3d:
        write_table(folder / "per_patient_3d.csv", "patient", (*METRICS, *AXES), patients)
        from cipa.evaluation.patient_tables import SUMMARY_KEY

        summary[SUMMARY_KEY] = {"tolerance_mm": tolerance}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


@pytest.fixture
def pair(tmp_path):
    def write(**options):
        return [write_run(tmp_path / name, **options) for name in ("first", "second")]

    return write


@pytest.mark.parametrize("is_3d", [False, True])
def test_a_run_holds_what_its_tables_say(pair, is_3d):
    first, _ = read_runs(pair(is_3d=is_3d, weights="w", threshold=0.5, tolerance=3.0))
    assert first.slices["0001_001"] == {"truth": 5, "predicted": 4, "size": 100}
    assert set(first.patients) == {"0001", "0002"}
    assert first.metrics == (METRICS if is_3d else POOLED_METRICS)
    assert first.tolerance == 3.0 if is_3d else math.isnan(first.tolerance)
    assert first.about == {"weights": "w", "threshold": "0.5"}


def test_runs_are_named_by_their_folder_where_that_tells_them_apart(tmp_path):
    folders = [write_run(tmp_path / name) for name in ("a/test", "b/test", "c")]
    assert [run.name for run in read_runs(folders[1:])] == ["test", "c"]
    assert [run.name for run in read_runs(folders[:2])] == [str(folder) for folder in folders[:2]]


def test_one_run_or_one_twice_is_refused(tmp_path):
    folder = write_run(tmp_path / "a")
    with pytest.raises(UsageError, match="1 run: give two"):
        read_runs([folder])
    with pytest.raises(UsageError, match="given twice"):
        read_runs([folder, tmp_path / "a" / ".." / "a"])


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("new", "line"),
    [
        ("0001_001,x,1,2,94", "line 2: tp 'x' is no number"),
        ("0001_001,inf,1,2,94", "line 2: tp 'inf' is no score"),
        ("0001_001,1e13,1,2,94", "is no score"),
        ("0001_001,-3,1,2,94", "line 2: tp '-3' is no count of pixels"),
        ("0001_001,3.5,1,2,94", "line 2: tp '3.5' is no count of pixels"),
        ("0001_001,,1,2,94", "is no count of pixels"),
        (",3,1,2,94", "slice '' is empty, doubled or no text"),
        ("0001_002,3,1,2,94", "line 3: slice '0001_002' is empty, doubled or no text"),
    ],
)
def test_a_cell_that_cannot_be_is_named_with_its_line(pair, new, line):
    folders = pair()
    change(folders[1] / "per_slice.csv", "0001_001,3,1,2,94", new)
    with pytest.raises(DataError, match=line):
        read_runs(folders)


def test_an_empty_score_is_one_that_nobody_has(pair):
    folders = pair()
    change(folders[0] / "per_patient.csv", "0001,0.5", "0001,")
    assert math.isnan(read_runs(folders)[0].patients["0001"]["dice"])


@pytest.mark.parametrize("tolerance", [-1.0, "x", "2.0", None, [1.0], True])
def test_a_tolerance_that_cannot_be_is_refused(pair, tolerance):
    folders = pair(is_3d=True)
    change(folders[0] / "summary.json", '"tolerance_mm": 2.0', f'"tolerance_mm": {json.dumps(tolerance)}')
    with pytest.raises(DataError, match="evaluate again with --spacing"):
        read_runs(folders)


@pytest.mark.parametrize("text", ["", "[]", '{"weights": ["a", "b"]}'])
def test_a_summary_that_cannot_be_read_costs_pooled_scores_nothing(pair, text):
    folders = pair()
    (folders[0] / "summary.json").write_text(text)
    assert read_runs(folders)[0].about == {}


def test_a_table_without_rows_is_refused(pair):
    folders = pair()
    write_table(folders[0] / "per_slice.csv", "slice", PIXELS, {})
    with pytest.raises(DataError, match="a table without rows"):
        read_runs(folders)


def run(name="run", *, is_3d=True, tolerance=2.0, spacing=(3.0, 1.0, 1.0), slices=None, patients=("0001",)):
    pixels = {"truth": 5.0, "predicted": 4.0, "size": 100.0}
    found = {"0001_001": pixels, "0002_001": pixels} if slices is None else slices
    scores = {patient: dict(zip(AXES, spacing, strict=True)) for patient in patients}
    return Run(name, is_3d, found, scores, tolerance)


def pixels(truth, predicted, size=100.0):
    return {"truth": truth, "predicted": predicted, "size": size}


def test_patients_are_told_apart_by_what_was_there_and_what_was_found():
    slices = {
        "missed_1": pixels(5, 0),
        "missed_2": pixels(0, 0),
        "found_1": pixels(5, 1),
        "false_1": pixels(0, 3),
        "empty_1": pixels(0, 0),
    }
    one = run(slices=slices)
    assert (one.missed, one.unfounded, one.empty) == (["missed"], ["false"], ["empty"])


def test_runs_on_the_same_slices_and_truth_are_comparable():
    other = run("other", slices={"0002_001": pixels(5, 0), "0001_001": pixels(5, 9)})
    require_comparable([run(), other])


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"slices": {"0001_001": pixels(5, 4)}}, "other: no prediction of slice 0002_001, which run has"),
        (
            {"slices": {f"000{n}_001": pixels(5, 4) for n in range(1, 5)}},
            "run: no prediction of slice 0003_001 and 1 more, which other has",
        ),
        (
            {"slices": {"0001_001": pixels(5, 4, 64.0), "0002_001": pixels(5, 4)}},
            "slice 0001_001 has 64 pixels, 100 in run; evaluate both on the same grid",
        ),
        (
            {"slices": {"0001_001": pixels(6, 4), "0002_001": pixels(5, 4)}},
            "has 6 pixels of true tumour, 5 in run; evaluate both against the same masks",
        ),
        ({"is_3d": False}, "other: no per_patient_3d.csv, which run has"),
        ({"tolerance": 3.0}, "other: NSD at 3 mm, at 2 mm in run"),
        ({"spacing": (3.0, 1.0, 1.1)}, "spacing_x_mm of patient 0001 is 1.1, 1 in run"),
        ({"patients": ()}, "other: no scores of patient 0001"),
    ],
)
def test_runs_that_were_not_scored_alike_are_refused_by_name(changed, line):
    with pytest.raises(DataError, match=line):
        require_comparable([run(), run("other", **changed)])


def test_a_spacing_that_a_table_rounded_is_the_same():
    require_comparable(
        [run(spacing=(3.27, 0.976562, 0.976562)), run("other", spacing=(3.27, 0.9765625, 0.9765625))]
    )
