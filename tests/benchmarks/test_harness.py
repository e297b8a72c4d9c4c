import csv

import pytest
from benchmarks.harness import RESULTS, Row, keep_newest, machine, read_records, record


@pytest.fixture
def table(tmp_path):
    return tmp_path / "results.csv"


def test_a_row_takes_the_place_of_the_earlier_row_of_its_case(table):
    record([Row("scan", "stage 0", 2.0, "ms"), Row("scan", "stage 1", 3.0, "ms")], table)
    record([Row("scan", "stage 0", 1.5, "ms")], table)
    rows = read_records(table)
    assert [(row["case"], row["value"]) for row in rows] == [("stage 0", "1.5"), ("stage 1", "3")]
    assert {row["torch"] for row in rows} == {machine()["torch"]}


def test_another_device_unit_or_number_of_threads_is_another_case(table):
    record([Row("scan", "stage 0", 2.0, "ms")], table)
    (row,) = read_records(table)
    others = [row | {"device": "another"}, row | {"unit": "GB/s"}, row | {"threads": "64"}]
    assert len(keep_newest([row, *others])) == 4


def test_threads_do_not_part_cases_of_a_gpu(table):
    record([Row("scan", "stage 0", 2.0, "ms")], table)
    (row,) = read_records(table)
    row["triton"] = "3.6.0"
    assert keep_newest([row, row | {"threads": "64"}]) == [row | {"threads": "64"}]


def test_a_table_that_cannot_be_written_is_kept(table, monkeypatch):
    record([Row("scan", "stage 0", 2.0, "ms")], table)
    before = table.read_bytes()
    monkeypatch.setattr(csv.DictWriter, "writerows", lambda self, rows: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        record([Row("scan", "stage 0", 1.0, "ms")], table)
    assert table.read_bytes() == before


def test_the_committed_table_holds_each_case_once_with_what_it_ran_on():
    rows = read_records(RESULTS)
    assert keep_newest(rows) == rows
    assert all(row["date"] and row["device"] and row["torch"] for row in rows)
