"""`cipa evaluate` on whole studies with truth, from the command line."""

import json
from pathlib import Path

import pytest

from cipa.cli.main import main
from small_networks import BrightPet
from studies import write_study
from study_truth import BOX, box_mask, write_case, write_nifti

ACRIN = Path(__file__).parents[3] / "shared" / "data" / "acrin042"
SHIFTED = (slice(7, 13), *BOX[1:])


class Blind(BrightPet):
    """Finds nothing."""

    def forward(self, ct, pet):
        return -100 - 0 * pet


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    def load(path):
        return Blind(256) if "blind" in str(path) else BrightPet(256)

    monkeypatch.setattr("cipa.inference.weights.load_model", load)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def studies(tmp_path):
    for name in ("p_1", "p_2", "p_3"):
        write_case(tmp_path / "s" / name)
    return "s"


def evaluate(*words, weights=("--weights", "w", "--device", "cpu", "--keep-all")):
    return main(["evaluate", *weights, *map(str, words)])


def one_line(capsys):
    message = capsys.readouterr().err.strip()
    assert "\n" not in message
    assert message.startswith("cipa: ")
    return message


def summary_of(out):
    return json.loads((Path(out) / "summary.json").read_text())


def test_studies_are_predicted_and_scored_in_3d(studies, capsys):
    assert evaluate(studies, "-o", "out") == 0
    printed = capsys.readouterr().out
    assert "[3/3] p_3: Dice 100.0 %, 1.08 mL for 1.08 mL, 0.00 mL false" in printed
    assert "w on s" in printed
    assert "protocol patient: 3-D, mm; 18 slices, 3 patients" in printed
    assert "voxels 2 x 2 x 3 mm (x, y, z)" in printed
    summary = summary_of("out")
    assert summary["patient_3d"]["metrics"]["dice"]["mean"] == 1
    assert (summary["weights"], summary["threshold"], summary["image_size"]) == ("w", 0.5, 256)
    assert summary["settings"]["options"]["keep_all"] is True
    assert sorted(path.name for path in Path("out/masks").iterdir()) == [
        "p1.nii.gz",
        "p2.nii.gz",
        "p3.nii.gz",
    ]


def test_masks_of_another_tool_are_compared_with_the_network_s(studies, capsys):
    for name in ("p_1", "p_2", "p_3"):
        write_nifti(Path("m") / f"{name}.nii.gz", box_mask(SHIFTED))
    assert evaluate(studies, "-o", "net") == 0
    assert evaluate(studies, "--masks", "m", "-o", "other", "--no-masks", weights=()) == 0
    assert "masks m on s" in capsys.readouterr().out
    assert not Path("other/masks").exists()
    assert main(["compare", "net", "other", "-o", "cmp"]) == 0
    assert "2 runs, 3 patients, 18 slices" in capsys.readouterr().out


def test_folds_are_scored_by_the_runs_that_left_a_study_out(studies):
    for run, left_out in (("sees", ["p1", "p3"]), ("blind", ["p2"])):
        Path(run).mkdir()
        Path(run, "split.json").write_text(json.dumps({"left_out": left_out}))
    weights = ("--weights", "sees", "--weights", "blind", "--out-of-fold", "--device", "cpu", "--keep-all")
    assert evaluate(studies, "-o", "out", weights=weights) == 0
    rows = Path("out/per_patient_3d.csv").read_text().splitlines()[1:]
    assert [row.split(",")[:2] for row in rows] == [["p1", "scored"], ["p2", "missed"], ["p3", "scored"]]
    folds = summary_of("out")["out_of_fold"]
    assert [fold["patients"] for fold in folds] == [["p1", "p3"], ["p2"]]
    assert [fold["threshold"] for fold in folds] == [0.5, 0.5]


def test_a_dicom_study_is_scored_under_its_own_name_and_no_other(tmp_path, capsys):
    study = write_study(tmp_path / "s" / "Secret")
    write_nifti(study / "truth.nii.gz", box_mask(None))
    code = evaluate(tmp_path / "s", "-o", "out", "--truth", study / "truth.nii.gz")
    printed = capsys.readouterr()
    assert code == 1  # the mask is of another grid
    assert "no study could be scored" in printed.err
    assert "Secret" not in printed.out + printed.err.replace(str(tmp_path), "")


def test_studies_without_truth_are_named_and_left_out(studies, capsys):
    write_case(Path(studies) / "p_4", name="")
    assert evaluate(studies, "-o", "out") == 0
    assert "warning: 1 without truth, not scored: p_4" in capsys.readouterr().err
    assert summary_of("out")["without_truth"] == ["p_4"]


def test_an_empty_truth_is_said_and_its_marks_are_counted(studies, capsys):
    write_nifti(Path(studies) / "p_2" / "truth.nii.gz", box_mask(None))
    assert evaluate(studies, "-o", "out") == 0
    printed = capsys.readouterr()
    assert "warning: p_2: truth.nii.gz: an empty mask, taken as a patient without tumour" in printed.err
    assert "1 without tumour, some predicted" in printed.out
    row = next(line for line in printed.out.splitlines() if "false mL, no tumour" in line)
    assert row.split()[-3:] == ["1.08", "1.08", "1"]


def test_truth_of_another_grid_fails_its_study_alone_and_is_resampled_if_asked(studies, capsys):
    write_nifti(Path(studies) / "p_2" / "truth.nii.gz", box_mask()[:, :, :5])
    assert evaluate(studies, "-o", "out") == 1
    printed = capsys.readouterr()
    assert "cipa: failed: p_2: " in printed.err
    assert "--resample" in printed.err
    assert list(summary_of("out")["failed"]) == ["p2"]
    assert evaluate(studies, "-o", "out", "--overwrite", "--resample") == 0
    assert "p_2: truth.nii.gz: not on the grid of the CT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--pet-threshold", "41%"), "--pet-threshold: goes with slices, not with studies"),
        (("--weights", "w", "--spacing", "1", "1", "1"), "--spacing: goes with slices"),
        (("--weights", "w", "--list", "test"), "--list: goes with slices"),
        (("--weights", "w", "--mask-label", "1"), "--mask-label: goes with --masks"),
        (("--weights", "w", "--suv-max", "7"), "--suv-max goes with --pet-threshold"),
        (("--masks", "m", "--tta", "flips"), "--out-of-fold and --tta go with --weights"),
        (("--weights", "w", "--tolerance", "-1"), "--tolerance -1"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(studies, capsys, words, said):
    assert evaluate(studies, "-o", "out", *words, weights=()) == 2
    assert said in one_line(capsys)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("made", "words", "code", "said"),
    [
        ((), ("none",), 1, "none: no such folder"),
        (("empty/readme.txt",), ("empty",), 1, "empty: no studies and no test.txt"),
        ((), ("s", "--truth", "expert*"), 1, "s: no truth of p_1, p_2, p_3"),
        (("m/p_1.nii.gz",), ("s", "--masks", "m"), 1, "m: no mask of p2, p3"),
        (("m/p_1.nii.gz", "m/p1.nii"), ("s", "--masks", "m"), 1, "a second mask of"),
        (("s/p_1/truth2.nii.gz",), ("s",), 1, "p_1: 2 files may be the truth"),
    ],
)
def test_bad_input_is_one_line_with_a_way_out(studies, capsys, made, words, code, said):
    for name in made:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    weights = () if "--masks" in words else ("--weights", "w")
    assert evaluate(*words, "-o", "out", weights=weights) == code
    assert said in one_line(capsys)
    assert not Path("out").exists()


def test_options_of_studies_are_refused_for_slices(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "test.txt").write_text("a_1\n")
    assert evaluate("data", "-o", "out") == 2
    assert "--keep-all: goes with studies, not with slices" in one_line(capsys)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.skipif(not ACRIN.is_dir(), reason="needs ../shared/data/acrin042")
def test_a_real_study_is_scored_against_its_reviewed_mask(capsys):
    assert main(["evaluate", str(ACRIN), "--masks", str(ACRIN / "tumour_on_CT.nii.gz"), "-o", "out"]) == 0
    metrics = summary_of("out")["patient_3d"]["metrics"]
    assert metrics["dice"]["mean"] == 1
    assert "156.09 mL for 156.09 mL" in capsys.readouterr().out
