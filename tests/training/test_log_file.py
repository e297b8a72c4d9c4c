"""A log of a run is rewound to the step that the run resumes from, and loses no whole row before it."""

import csv

import pytest

from cipa.errors import DataError
from cipa.training.log_file import LogFile

COLUMNS = ("step", "loss")


def rows(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def path(tmp_path):
    log = LogFile(tmp_path / "metrics.csv", COLUMNS)
    for step in range(1, 6):
        log.add(step=step, loss=1 / step)
    log.close()
    return tmp_path / "metrics.csv"


def test_every_row_is_on_disk_at_once(tmp_path):
    log = LogFile(tmp_path / "metrics.csv", COLUMNS)
    log.add(step=1, loss=0.1)
    assert rows(tmp_path / "metrics.csv") == [["step", "loss"], ["1", "0.1"]]
    log.close()


def test_nine_digits_hold_every_float32(tmp_path):
    import numpy as np

    values = np.random.default_rng(0).uniform(0, 1, 50).astype(np.float32)
    log = LogFile(tmp_path / "m.csv", COLUMNS)
    for step, value in enumerate(values):
        log.add(step=step, loss=float(value))
    log.close()
    assert [np.float32(row[1]) for row in rows(tmp_path / "m.csv")[1:]] == values.tolist()


def test_what_is_not_known_is_an_empty_cell(tmp_path):
    log = LogFile(tmp_path / "m.csv", COLUMNS)
    log.add(step=1, loss=float("nan"))
    log.close()
    assert rows(tmp_path / "m.csv")[1] == ["1", ""]


@pytest.mark.parametrize(("keep", "steps"), [(0, []), (3, ["1", "2", "3"]), (9, ["1", "2", "3", "4", "5"])])
def test_rows_of_steps_that_will_be_done_again_are_dropped(path, keep, steps):
    LogFile(path, COLUMNS, keep).close()
    assert [row[0] for row in rows(path)[1:]] == steps


@pytest.mark.parametrize("cut", ["6", "6,", "6,0.1,7", "six,0.1", "-6,0.1", "6.0,0.1", f"{10**12},0.1", ""])
def test_a_row_that_a_kill_cut_short_or_mixed_up_is_dropped(path, cut):
    before = rows(path)
    with path.open("a") as file:
        file.write(cut)
    LogFile(path, COLUMNS, 9).close()
    kept = rows(path)
    assert kept[: len(before)] == before
    assert len(kept) == len(before) + (cut == "6,")  # an empty cell is a value that is not known


def test_of_a_step_written_twice_the_later_row_stays(path):
    with path.open("a") as file:
        file.write("5,0.9\n")
    LogFile(path, COLUMNS, 9).close()
    assert rows(path)[-1] == ["5", "0.9"]


def test_a_resumed_log_goes_on_behind_its_last_row(path):
    log = LogFile(path, COLUMNS, 2)
    log.add(step=3, loss=0.3)
    log.close()
    assert [row[0] for row in rows(path)] == ["step", "1", "2", "3"]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x80\x81"])
def test_what_is_no_table_is_refused_and_left_alone(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError, match="move it away, then resume"):
        LogFile(path, COLUMNS, 2)
    assert path.read_bytes() == content
