"""`cipa compare` from the command line, on evaluation folders written here."""

import csv
import shutil

import numpy as np
import pytest

from cipa.cli.main import main
from cipa.evaluation.patient import PatientProtocol
from cipa.evaluation.patient_tables import SUMMARY_KEY, patient_summary, write_patient_table
from cipa.evaluation.published import PublishedProtocol
from cipa.evaluation.tables import write_tables

SIZE = 24
PATIENTS = [f"{number:04d}" for number in range(8)]


def square(row, side=8):
    mask = np.zeros((SIZE, SIZE), bool)
    mask[row : row + side, 6:14] = True
    return mask


def write_run(folder, shift, *, patients=PATIENTS, spacing=(3.0, 1.0, 1.0), tolerance=2.0, truth_row=4):
    """Write an evaluation that predicts patient k `shift(k)` rows off, or nothing where that is None."""
    published = PublishedProtocol()
    volumes = PatientProtocol(dict.fromkeys(patients, spacing), tolerance) if spacing else None
    for number, patient in enumerate(patients):
        off = shift(number)
        prediction = square(0, 0) if off is None else square(4 + off)
        for place in (1, 2):
            published.update(f"{patient}_{place:03d}", prediction, square(truth_row))
            if volumes:
                volumes.update(f"{patient}_{place:03d}", prediction, square(truth_row))
    about = {}
    if volumes:
        write_patient_table(folder, volumes.result())
        about[SUMMARY_KEY] = patient_summary(volumes.result())
    write_tables(folder, published.result(), about)
    return folder


@pytest.fixture
def good(tmp_path):
    return write_run(tmp_path / "good", lambda number: number % 2)


@pytest.fixture
def poor(tmp_path):
    return write_run(tmp_path / "poor", lambda number: 3 + number % 2)


@pytest.fixture
def drawn():
    """Asked for by tests that look at the drawings, which take seconds."""


@pytest.fixture(autouse=True)
def _draw_little(request, monkeypatch):
    if "drawn" not in request.fixturenames:
        for name in ("box_plots", "patient_plots"):
            monkeypatch.setattr(f"cipa.report.comparison_page.{name}", lambda comparison: "<svg></svg>")


def compare(*words):
    return main(["compare", *map(str, words)])


def one_line(capsys) -> str:
    message = capsys.readouterr().err.strip()
    assert "\n" not in message
    assert message.startswith("cipa: ")
    return message


def rows_of(folder):
    with (folder / "comparison.csv").open(newline="") as file:
        return {(row["metric"], row["run"]): row for row in csv.DictReader(file)}


def test_each_run_is_held_against_the_first_patient_by_patient(good, poor, tmp_path, capsys):
    assert compare(good, poor, "-o", tmp_path / "out") == 0
    text = capsys.readouterr().out
    assert "2 runs, 8 patients, 16 slices" in text
    assert "protocol patient: 3-D, mm; NSD at 2 mm" in text
    rows = rows_of(tmp_path / "out")
    first, second = rows["dice", "good"], rows["dice", "poor"]
    assert float(first["mean"]) == pytest.approx((1 + 7 / 8) / 2)
    assert first["difference"] == first["p_wilcoxon"] == ""
    assert float(second["difference"]) == pytest.approx(-3 / 8)
    assert float(second["p_wilcoxon"]) == pytest.approx(2 / 2**8)  # all of 8 patients worse
    assert float(second["difference_low"]) <= -3 / 8 <= float(second["difference_high"]) < 0
    assert float(rows["hd95_mm", "poor"]["mean"]) == pytest.approx(3.5)


def test_the_markdown_is_the_same_table(good, poor, tmp_path, capsys):
    assert compare(good, poor, "-o", tmp_path / "out") == 0
    lines = (tmp_path / "out" / "comparison.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith("|  | poor | 56.2"))
    assert "-37.5 [" in row
    assert row.endswith("| 0.008 | 0.008 |")
    widths = {line.count("|") for line in lines if line.startswith("|")}
    assert widths == {9}


def test_the_page_holds_table_and_drawings_and_needs_nothing_else(drawn, good, tmp_path, capsys):
    worst = write_run(tmp_path / "a<b", lambda number: None if number == 3 else number % 3)
    assert compare(good, worst, "-o", tmp_path / "out") == 0
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert page.count("<svg") == 2
    assert "a&lt;b" in page
    assert "a<b" not in page
    assert "<td>difference</td>" not in page
    assert ">0003</text>" in page  # the patient that differs most is named in the drawings
    assert "a&lt;b: nothing predicted of 0003" in page
    loaded = [word for word in ("<script", "<img", "<link", "src=", "url(http") if word in page]
    assert loaded == []


def test_a_missed_patient_counts_against_a_run(good, tmp_path, capsys):
    missing = write_run(tmp_path / "missing", lambda number: None if number == 0 else number % 2)
    assert compare(good, missing, "-o", tmp_path / "out") == 0
    rows = rows_of(tmp_path / "out")
    assert float(rows["dice", "missing"]["difference"]) == pytest.approx(-1 / 8)
    assert float(rows["hd95_mm", "missing"]["difference"]) > 0
    assert rows["lesion_precision", "missing"]["pairs"] == "7"
    text = capsys.readouterr().out
    assert "(7 pairs)" in text
    assert "missing: nothing predicted of 0000" in text
    assert "good: nothing" not in text


def test_tumour_predicted_where_there_is_none_is_named(tmp_path, capsys):
    runs = [
        write_run(tmp_path / name, shift, patients=["0001", "0002"], truth_row=SIZE)
        for name, shift in (("quiet", lambda number: None), ("loud", lambda number: None if number else 1))
    ]
    assert compare(*runs) == 0
    text = capsys.readouterr().out
    assert "loud: tumour predicted where there is none, of 0001" in text
    assert "quiet: tumour" not in text
    assert "quiet: without tumour and none predicted, scored Dice 1: 0001, 0002" in text
    assert "loud: without tumour and none predicted, scored Dice 1: 0002" in text


def test_runs_without_a_spacing_are_compared_in_pixels(tmp_path, capsys):
    runs = [write_run(tmp_path / name, lambda number: 1, spacing=None) for name in ("a", "b")]
    assert compare(*runs) == 0
    text = capsys.readouterr().out
    assert "HD95 px" in text
    assert "pixels pooled within each patient" in text


def test_runs_of_one_name_are_told_apart_by_their_paths(tmp_path, capsys):
    runs = [write_run(tmp_path / name / "test", lambda number: 1) for name in ("a", "b")]
    assert compare(*runs) == 0
    assert "a/test" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"patients": PATIENTS[:-1]}, "other: no prediction of slice 0007_001 and 1 more, which good has"),
        ({"patients": [*PATIENTS, "0008"]}, "good: no prediction of slice 0008_001 and 1 more"),
        ({"truth_row": 20}, "other: slice 0000_001 has 32 pixels of true tumour, 64 in good"),
        ({"spacing": (5.0, 1.0, 1.0)}, "other: spacing_z_mm of patient 000"),
        ({"tolerance": 1.0}, "other: NSD at 1 mm, at 2 mm in good"),
        ({"spacing": None}, "other: no per_patient_3d.csv, which good has"),
    ],
)
def test_runs_that_were_not_put_to_the_same_test_are_refused_by_name(good, tmp_path, capsys, changed, said):
    other = write_run(tmp_path / "other", lambda number: 1, **changed)
    assert compare(good, other, "-o", tmp_path / "out") == 1
    assert said in one_line(capsys)
    assert not (tmp_path / "out").exists()


def test_a_patient_without_scores_is_named(good, poor, capsys):
    path = poor / "per_patient_3d.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert compare(good, poor) == 1
    assert "poor: no scores of patient 0007" in one_line(capsys)


def test_masks_of_another_grid_are_refused(good, poor, capsys):
    path = poor / "per_slice.csv"
    header, first, *rest = path.read_text().splitlines()
    cells = first.split(",")
    place = header.split(",").index("tn")
    cells[place] = str(int(cells[place]) + 100)
    path.write_text("\n".join([header, ",".join(cells), *rest]))
    assert compare(good, poor) == 1
    assert "676 pixels, 576 in good" in one_line(capsys)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("per_slice.csv", None, "no such file"),
        ("per_slice.csv", "slice,tp\n0000_001,3\n", "no column 'fp'"),
        ("per_slice.csv", "slice,tp,fp,fn,tn\n0000_001,3,x,0,0\n", "line 2"),
        ("per_slice.csv", "slice,tp,fp,fn,tn\n", "without rows"),
        ("summary.json", "{}", "no tolerance"),
    ],
)
def test_a_damaged_evaluation_is_named(good, poor, capsys, file, text, said):
    if text is None:
        (poor / file).unlink()
    else:
        (poor / file).write_text(text)
    assert compare(good, poor) == 1
    message = one_line(capsys)
    assert str(poor / file) in message
    assert said in message


def test_one_run_or_one_twice_is_a_usage_error(good, capsys):
    assert compare(good) == 2
    assert "two evaluation folders" in one_line(capsys)
    assert compare(good, good) == 2
    assert "given twice" in one_line(capsys)


def test_an_earlier_comparison_is_replaced_only_when_asked(good, poor, tmp_path, capsys):
    out = tmp_path / "out"
    assert compare(good, poor, "-o", out) == 0
    capsys.readouterr()
    assert compare(good, poor, "-o", out) == 2
    assert "--overwrite" in one_line(capsys)
    assert compare(poor, good, "-o", out, "--overwrite") == 0
    capsys.readouterr()
    assert rows_of(out)["dice", "poor"]["difference"] == ""
    assert compare(good, poor, "-o", good, "--overwrite") == 2
    assert "something other" in one_line(capsys)
    assert (good / "summary.json").is_file()


def test_the_order_of_rows_in_a_table_does_not_matter(good, poor, tmp_path, capsys):
    shuffled = tmp_path / "shuffled"
    shutil.copytree(poor, shuffled)
    path = shuffled / "per_patient_3d.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows)]))
    assert compare(good, poor, shuffled, "-o", tmp_path / "out") == 0
    rows = rows_of(tmp_path / "out")
    assert rows["nsd", "poor"]["p_wilcoxon"] == rows["nsd", "shuffled"]["p_wilcoxon"]
    assert rows["nsd", "poor"]["difference_low"] == rows["nsd", "shuffled"]["difference_low"]
    assert float(rows["dice", "poor"]["p_holm"]) == pytest.approx(
        2 * float(rows["dice", "poor"]["p_wilcoxon"]), rel=1e-5
    )


def test_views_need_a_folder_for_them_and_the_masks_of_every_run(good, poor, tmp_path, capsys):
    assert compare(good, poor, "--studies", tmp_path) != 0
    assert "goes with -o OUT" in one_line(capsys)
    assert compare(good, poor, "--studies", tmp_path, "-o", tmp_path / "out") != 0
    assert "no mask of 0000, 0001, 0002, 0003, 0004 and 3 more" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
