"""What the terminal says about patients in 3-D."""

import numpy as np
import pytest
from rich.console import Console

from cipa.evaluation.patient import PatientProtocol
from cipa.report.patient_scores import patient_scores_table

EMPTY = np.zeros((32, 32), bool)
SQUARE = EMPTY.copy()
SQUARE[8:16, 8:16] = True
HALF = EMPTY.copy()
HALF[8:16, 8:12] = True


def text_of(*pairs, title="", spacings=((3.0, 1.0, 1.0),)):
    names = [f"{number:04d}" for number in range(len(pairs))]
    protocol = PatientProtocol({name: spacings[place % len(spacings)] for place, name in enumerate(names)})
    for name, pair in zip(names, pairs, strict=True):
        protocol.update(f"{name}_001", *pair)
        protocol.update(f"{name}_003", *pair)
    console = Console(width=140)
    with console.capture() as captured:
        console.print(patient_scores_table(protocol.result(), title))
    return captured.get()


def row_of(text, label):
    return next(line for line in text.splitlines() if label in line)


def test_means_and_medians_carry_intervals_in_their_units():
    text = text_of((HALF, SQUARE), *[(SQUARE, SQUARE)] * 4)
    dice = (2 / 3 + 4) / 5
    assert f"{100 * dice:.1f} [80.0, 100.0]" in row_of(text, "Dice %")
    assert "100.0 [66.7, 100.0]" in row_of(text, "Dice %")
    assert row_of(text, "Dice %").split()[-1] == "5"
    assert "NSD % at 2 mm" in text
    assert f"{-64 * 3 / 5000:.2f}" in row_of(text, "volume error mL")
    assert "protocol patient: 3-D, mm; 10 slices, 5 patients" in text
    assert "voxels 1 x 1 x 3 mm (x, y, z)" in text


def test_conventions_are_said_with_the_patients_names():
    text = text_of((EMPTY, SQUARE), (SQUARE, EMPTY), (EMPTY, EMPTY))
    assert "1 missed, nothing predicted: Dice 0, HD95 the diagonal of the stack: 0000" in text
    assert "1 without tumour, some predicted: Dice 0, HD95 the diagonal: 0001" in text
    assert "1 without tumour, none predicted: Dice 1, HD95 0: 0002" in text
    assert "3 with missing slice numbers: taken as slices without tumour: 0000, 0001, 0002" in text
    assert row_of(text, "lesion sensitivity").split()[-1] == "1"


def test_scores_that_nobody_has_are_dashes_and_long_lists_are_cut():
    text = text_of(*[(EMPTY, EMPTY)] * 8)
    assert "nan" not in text
    assert "0004 and 3 more" in text


@pytest.mark.parametrize("title", ["runs[red]/best"])
def test_brackets_in_a_path_are_not_markup(title):
    assert title in text_of((SQUARE, SQUARE), title=title)


def test_few_patients_have_no_intervals_which_is_said():
    text = text_of((HALF, SQUARE), (SQUARE, SQUARE))
    assert "no interval of fewer than 5 patients" in text
    assert "[" not in row_of(text, "Dice %")


def test_different_voxels_are_said():
    assert "2 voxel sizes, each patient scored in its own" in text_of(
        *[(SQUARE, SQUARE)] * 2, spacings=((3, 1, 1), (5, 1, 1))
    )


def test_false_marks_of_patients_without_tumour_are_a_row_and_few_such_are_no_reason_for_none():
    text = text_of(*[(SQUARE, SQUARE)] * 5, (HALF, EMPTY))
    assert row_of(text, "false mL, no tumour").split()[-1] == "1"
    assert f"{64 * 3 / 1000:.2f}" in row_of(text, "false mL, no tumour")
    assert "no interval of fewer than 5 patients" in text
    assert row_of(text_of(*[(SQUARE, SQUARE)] * 5), "marks, no tumour").split()[-1] == "0"
    assert "no interval of fewer" not in text_of(*[(SQUARE, SQUARE)] * 5)


def test_precision_is_noted_where_every_slice_shows_tumour():
    text = text_of((SQUARE, SQUARE))
    assert "lesion precision % *" in text
    assert "* every slice scored shows tumour" in text
    assert "*" not in text_of((SQUARE, SQUARE), (SQUARE, EMPTY))
