"""What the terminal says about a result."""

import numpy as np
from rich.console import Console

from cipa.evaluation.published import PublishedProtocol
from cipa.report.scores import scores_table

EMPTY = np.zeros((64, 64), bool)


def square(row: int, side: int) -> np.ndarray:
    mask = EMPTY.copy()
    mask[row : row + side, 20 : 20 + side] = True
    return mask


def text_of(*pairs, title="") -> str:
    protocol = PublishedProtocol()
    for number, (prediction, truth) in enumerate(pairs):
        protocol.update(f"{number // 2:04d}_{number}", prediction, truth)
    console = Console(width=120, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(scores_table(protocol.result(), title))
    return captured.get()


def test_scores_are_in_the_papers_units_with_protocol_and_counts():
    text = text_of(
        (square(10, 8), square(12, 8)), (square(20, 6), square(20, 6)), (square(5, 4), square(5, 4))
    )
    tp, fp, fn = 48 + 36 + 16, 16, 16
    assert f"{100 * tp / (tp + fp + fn):.2f}" in text
    assert f"{200 * tp / (2 * tp + fp + fn):.2f}" in text
    assert "IoU %" in text
    assert "HD95 px" in text
    assert "protocol published: pooled pixels; 3 slices, 2 patients" in text
    assert "missed" not in text
    assert "unfounded" not in text


def test_conventions_that_touched_the_numbers_are_said():
    text = text_of((EMPTY, square(5, 4)), (square(5, 4), EMPTY))
    assert "missed: 1 slice with tumour" in text
    assert "unfounded: 1 slice without tumour" in text


def test_undefined_scores_are_dashes():
    text = text_of((EMPTY, EMPTY))
    assert "nan" not in text
    assert "1 slice, 1 patient" in text


def test_brackets_in_a_path_are_not_markup():
    assert "runs[red]/best" in text_of((square(5, 4), square(5, 4)), title="runs[red]/best")
