"""Curves from the tables of a run."""

import numpy as np
import pytest
from PIL import Image

from cipa.errors import DataError
from cipa.report.curves import read_columns, running_mean, save_curves

METRICS = "epoch,step,lr,loss,seconds,slices_per_second,memory_mib\n"
VALIDATION = "epoch,step,iou,dice,acc,hd95,loss\n"


@pytest.fixture
def run(tmp_path):
    steps = [f"{n // 10},{n + 1},{6e-5 * (1 - n / 30)},{1.4 - n / 40},0.1,20,100\n" for n in range(30)]
    (tmp_path / "metrics.csv").write_text(METRICS + "".join(steps))
    scores = [f"{n},{10 * n + 10},{0.1 * n},{0.2 * n},0.8,,{1.2 - 0.1 * n}\n" for n in range(3)]
    (tmp_path / "validation.csv").write_text(VALIDATION + "".join(scores))
    return tmp_path


def size_of(path):
    with Image.open(path) as image:
        image.load()
        return image.size


def test_draws_three_axes_with_validation_and_two_without(run):
    path = save_curves(run)
    assert path == run / "curves.png"
    wide = size_of(path)
    (run / "validation.csv").unlink()
    narrow = size_of(save_curves(run))
    assert narrow[0] * 3 == wide[0] * 2


def test_a_run_of_one_step_and_no_validation_yet_is_drawn(run):
    (run / "metrics.csv").write_text(METRICS + "0,1,6e-5,1.4,0.1,20,100\n")
    (run / "validation.csv").write_text(VALIDATION)
    assert size_of(save_curves(run))[0] > 0


def test_columns_are_numbers_and_empty_cells_nan(run):
    columns = read_columns(run / "validation.csv", ("step", "dice", "hd95"))
    np.testing.assert_array_equal(columns["step"], [10, 20, 30])
    np.testing.assert_allclose(columns["dice"], [0, 0.2, 0.4])
    assert np.isnan(columns["hd95"]).all()


def test_running_mean_shortens_at_the_ends():
    np.testing.assert_allclose(running_mean(np.array([1.0, 2, 3, 10]), 3), [1.5, 2, 5, 6.5])
    np.testing.assert_allclose(running_mean(np.array([1.0, 2, 3, 10]), 1), [1, 2, 3, 10])


def test_running_mean_keeps_a_constant():
    np.testing.assert_allclose(running_mean(np.full(50, 0.7), 8), 0.7)


def fails_with(run, *words):
    with pytest.raises(DataError) as caught:
        save_curves(run)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message
    assert not (run / "curves.png").exists()


def test_a_folder_that_is_no_run_is_one_line(tmp_path):
    fails_with(tmp_path, "metrics.csv", "no such file")


def test_a_run_without_a_step_is_one_line(run):
    (run / "metrics.csv").write_text(METRICS)
    fails_with(run, "metrics.csv", "no step")


def test_a_missing_column_is_named(run):
    (run / "metrics.csv").write_text("epoch,step,lr\n0,1,6e-5\n")
    fails_with(run, "metrics.csv", "no column 'loss'")


@pytest.mark.parametrize("line", ["0,1,6e-5,abc,0,0,0\n", "0,1\n"])
def test_a_damaged_line_is_named(run, line):
    (run / "metrics.csv").write_text(METRICS + line)
    fails_with(run, "metrics.csv", "line 2")
