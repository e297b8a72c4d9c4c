"""Tables as other programs read them."""

import csv
import json

import numpy as np
import pytest

from cipa.evaluation.published import PublishedProtocol
from cipa.evaluation.tables import write_csv, write_tables

EMPTY = np.zeros((8, 8), bool)
TUMOUR = np.zeros((8, 8), bool)
TUMOUR[2:4, 2:5] = True


@pytest.fixture
def result():
    protocol = PublishedProtocol()
    protocol.update("0001_010", TUMOUR, TUMOUR)
    protocol.update("0001_011", EMPTY, TUMOUR)
    protocol.update("0002_004", TUMOUR, EMPTY)
    return protocol.result()


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_row_a_slice_and_a_row_a_patient(result, tmp_path):
    write_tables(tmp_path, result)
    slices, patients = rows_of(tmp_path / "per_slice.csv"), rows_of(tmp_path / "per_patient.csv")
    assert [row["slice"] for row in slices] == ["0001_010", "0001_011", "0002_004"]
    assert slices[0] | {"tp": "6", "dice": "1", "hd95": "0", "truth_px": "6"} == slices[0]
    assert [row["patient"] for row in patients] == ["0001", "0002"]
    assert float(patients[0]["dice"]) == pytest.approx(2 / 3, abs=1e-5)


def test_what_is_undefined_is_an_empty_cell_and_a_null(result, tmp_path):
    write_tables(tmp_path, result)
    assert rows_of(tmp_path / "per_slice.csv")[2]["hd95"] == ""
    protocol = PublishedProtocol()
    protocol.update("0001_010", EMPTY, EMPTY)
    write_tables(tmp_path, protocol.result())
    assert json.loads((tmp_path / "summary.json").read_text())["dice"] is None


def test_summary_names_protocol_slices_and_what_was_left_out(result, tmp_path):
    write_tables(tmp_path, result, {"weights": "best", "threshold": 0.5})
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["protocol"] == "published: pooled pixels"
    assert (summary["slices"], summary["patients"]) == (3, 2)
    assert summary["dice"] == pytest.approx(12 / 24)
    assert summary["slices_missed"] == ["0001_011"]
    assert summary["slices_without_truth"] == ["0002_004"]
    assert (summary["weights"], summary["threshold"]) == ("best", 0.5)


def test_a_failure_leaves_the_earlier_table_whole(tmp_path):
    path = tmp_path / "per_slice.csv"
    write_csv(path, [{"slice": "a", "tp": 1}])
    before = path.read_bytes()
    with pytest.raises(ValueError, match="extra"):
        write_csv(path, [{"slice": "b", "tp": 2}, {"slice": "c", "tp": 3, "extra": 4}])
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["per_slice.csv"]


def test_a_table_without_rows_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one row"):
        write_csv(tmp_path / "empty.csv", [])
