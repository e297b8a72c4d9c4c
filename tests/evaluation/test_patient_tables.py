"""A patient result as files."""

import csv
import json

import numpy as np
import pytest

from cipa.evaluation.patient import METRICS, PatientProtocol
from cipa.evaluation.patient_tables import PER_PATIENT_3D, patient_summary, write_patient_table
from cipa.evaluation.published import TUMOUR_ALONE_SCORED

EMPTY = np.zeros((16, 16), bool)
SQUARE = EMPTY.copy()
SQUARE[4:8, 4:8] = True


def result(**patients):
    protocol = PatientProtocol(dict.fromkeys(patients, (3.0, 1.0, 1.0)))
    for name, pair in patients.items():
        protocol.update(f"{name}_001", *pair)
    return protocol.result()


def test_the_table_has_a_row_a_patient_and_empty_cells_for_what_is_undefined(tmp_path):
    write_patient_table(tmp_path, result(a=(SQUARE, SQUARE), b=(EMPTY, SQUARE)))
    with (tmp_path / PER_PATIENT_3D).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["patient"], row["case"], row["dice"]) for row in rows] == [
        ("a", "scored", "1"),
        ("b", "missed", "0"),
    ]
    assert [row["lesion_precision"] for row in rows] == ["1", ""]
    assert set(METRICS) < set(rows[0])


def test_the_summary_is_plain_and_names_who_is_not_in_a_mean():
    summary = patient_summary(result(a=(SQUARE, SQUARE), b=(EMPTY, SQUARE), c=(SQUARE, EMPTY)))
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert (summary["missed"], summary["unfounded"], summary["empty"]) == (["b"], ["c"], [])
    assert summary["metrics"]["lesion_precision"]["undefined"] == ["b"]
    assert summary["metrics"]["lesion_precision"]["patients"] == 2
    assert summary["metrics"]["dice"]["undefined"] == []
    assert summary["metrics"]["dice"]["mean"] == 1 / 3


def test_a_score_that_nobody_has_is_null():
    metric = patient_summary(result(a=(EMPTY, EMPTY)))["metrics"]["lesion_sensitivity"]
    assert (metric["mean"], metric["mean_interval"], metric["patients"]) == (None, [None, None], 0)


def test_what_is_marked_in_patients_without_tumour_has_rows_of_its_own():
    found = patient_summary(result(a=(SQUARE, SQUARE), b=(SQUARE, EMPTY), c=(EMPTY, EMPTY)))["metrics"]
    assert found["fp_ml_without_tumour"]["mean"] == pytest.approx(16 * 3 / 1000 / 2)
    assert found["marks_without_tumour"]["mean"] == 0.5
    assert found["marks_without_tumour"]["patients"] == 2
    assert found["marks_without_tumour"]["undefined"] == ["a"]


def test_scores_of_false_marks_carry_a_note_where_every_slice_shows_tumour():
    alone = patient_summary(result(a=(SQUARE, SQUARE), b=(SQUARE, SQUARE)))
    assert alone["slices_without_tumour"] == 0
    for metric, scores in alone["metrics"].items():
        is_noted = metric in ("lesion_precision", "lesion_f1", "fp_ml")
        assert (TUMOUR_ALONE_SCORED in scores["note"]) == is_noted
    others = patient_summary(result(a=(SQUARE, SQUARE), b=(SQUARE, EMPTY)))
    assert others["slices_without_tumour"] == 1
    assert TUMOUR_ALONE_SCORED not in others["metrics"]["lesion_precision"]["note"]
