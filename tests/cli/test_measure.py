import csv
import json

import nibabel
import numpy as np
import pytest
from pydicom import dcmread

from cipa.cli.main import main
from dicom_tools import errors_of
from small_networks import BrightPet
from studies import write_study


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setattr("cipa.inference.weights.load_model", lambda path: BrightPet())
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path / "study")
    return tmp_path


ALL = "seg,sr,rtstruct,sc,pdf"


def predict(*words):
    return main(["predict", "study", "--weights", "w", "--device", "cpu", "-o", "predicted", *words])


def rows(path):
    with path.open(newline="") as file:
        return [row | {"probability": ""} for row in csv.DictReader(file)]


@pytest.mark.parametrize("mask", ["mask.nii.gz", "segmentation.dcm", "contours.dcm"])
def test_a_predicted_mask_has_the_numbers_of_its_prediction(here, capsys, mask):
    assert predict("--dicom-out", "seg,rtstruct", "--no-report") == 0
    assert main(["measure", f"predicted/{mask}", "study", "-o", "measured", "--no-report"]) == 0
    said = capsys.readouterr().out
    assert "study: 1 lesion, MTV 0.14 mL" in said
    assert rows(here / "measured" / "lesions.csv") == rows(here / "predicted" / "lesions.csv")
    found, own = (nibabel.load(here / name / "mask.nii.gz") for name in ("measured", "predicted"))
    assert np.array_equal(np.asanyarray(found.dataobj), np.asanyarray(own.dataobj))
    assert not (here / "measured" / "probability.nii.gz").exists()


def test_every_object_asked_for_is_written_and_sound(here):
    assert predict("--dicom-out", ALL) == 0
    assert main(["measure", "predicted/mask.nii.gz", "study", "-o", "out", "--dicom-out", ALL]) == 0
    for folder in ("predicted", "out"):
        files = sorted(path.relative_to(here / folder).as_posix() for path in (here / folder).rglob("*.dcm"))
        assert files == [
            *("captures/lesion_01.dcm", "captures/mip.dcm", "contours.dcm", "measurements.dcm"),
            *("report.dcm", "segmentation.dcm"),
        ]
        assert {str(dcmread(here / folder / file).PatientName) for file in files} == {"Secret^Name"}
    segment = dcmread(here / "out" / "segmentation.dcm").SegmentSequence[0]
    assert segment.SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert [line for file in files for line in errors_of(here / "out" / file)] == []


def test_no_network_is_named_for_a_mask_that_none_drew(here):
    predict()
    main(["measure", "predicted/mask.nii.gz", "study", "-o", "out"])
    facts = json.loads((here / "out" / "lesions.json").read_text())["facts"]
    assert "model" not in facts
    assert facts["mask"] == {"regions": [], "label": None}
    assert "Secret" not in (here / "out" / "report.html").read_text()


def test_cold_and_small_lesions_of_a_hand_are_all_measured(here):
    predict()
    image = nibabel.load(here / "predicted" / "mask.nii.gz")
    mask = np.zeros(image.shape, np.uint8)
    mask[2, 2, 1] = mask[8:12, 20:24, 2] = 1
    nibabel.save(nibabel.Nifti1Image(mask, image.affine), here / "hand.nii.gz")
    assert main(["measure", "hand.nii.gz", "study", "-o", "out", "--no-report"]) == 0
    assert [row["voxels"] for row in rows(here / "out" / "lesions.csv")] == ["16", "1"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["x.nii.gz", "study"], "x.nii.gz: no such file"),
        (["study/ct", "study"], "study/ct"),
        (["predicted/mask.nii.gz", "study", "--label", "x"], "'x': give a whole number, or all"),
        (["predicted/mask.nii.gz"], "give MASK and a study, or MASK with --ct and --pet"),
        (
            ["predicted/mask.nii.gz", "study", "--region", "GTV"],
            "--region GTV: predicted/mask.nii.gz is NIfTI",
        ),
        (
            ["predicted/segmentation.dcm", "study", "--region", "GTV"],
            "no segment is called 'GTV', but Lesion 1",
        ),
        (
            ["predicted/segmentation.dcm", "study", "--label", "1"],
            "--label 1: predicted/segmentation.dcm is DICOM",
        ),
        (
            ["predicted/mask.nii.gz", "study", "--dicom-out", "sr"],
            "--dicom-out sr: it refers to the segments",
        ),
        (
            ["predicted/mask.nii.gz", "study", "--dicom-out", "seg,x"],
            "--dicom-out x: choose of seg, sr, rtstruct",
        ),
    ],
)
def test_what_cannot_be_measured_is_one_line(here, capsys, words, line):
    predict()
    capsys.readouterr()
    assert main(["measure", *words, "-o", "out"]) in (1, 2)
    (said,) = capsys.readouterr().err.splitlines()
    assert line in said
    assert not (here / "out").exists()


def test_objects_of_a_nifti_study_are_refused_in_a_warning(here, capsys):
    predict()
    image = nibabel.load(here / "predicted" / "mask.nii.gz")
    for name, values in (("ct", -500.0), ("suv", 1.0)):
        nibabel.save(
            nibabel.Nifti1Image(np.full(image.shape, values, np.float32), image.affine),
            here / f"{name}.nii.gz",
        )
    words = ["--ct", "ct.nii.gz", "--pet", "suv.nii.gz", "--dicom-out", "seg", "-o", "out", "--no-report"]
    assert main(["measure", "predicted/mask.nii.gz", *words]) == 0
    assert "the study is NIfTI, of which no DICOM object is made" in capsys.readouterr().err
    assert not list((here / "out").glob("*.dcm"))


def test_sul_is_by_lean_body_mass_where_height_and_sex_are_known_and_else_said_to_be_left_out(here, capsys):
    predict()
    words = ["predicted/mask.nii.gz", "study", "--no-report"]
    capsys.readouterr()
    assert main(["measure", *words, "-o", "without"]) == 0
    assert "SUL is left out: Patient's Size (0010,1020) is missing" in capsys.readouterr().out
    facts = json.loads((here / "without" / "lesions.json").read_text())["facts"]
    assert facts["sul"]["factor"] is None
    assert "Patient's Size (0010,1020) is missing; give --height-m" in facts["sul"]["how"]
    assert rows(here / "without" / "lesions.csv")[0]["sul_peak"] == ""
    assert main(["measure", *words, "-o", "with", "--height-m", "1.7", "--sex", "F"]) == 0
    (row,) = rows(here / "with" / "lesions.csv")
    lean = 9270 * 70 / (8780 + 244 * 70 / 1.7**2) / 70
    for name in ("max", "mean", "peak"):
        assert float(row[f"sul_{name}"]) == pytest.approx(lean * float(row[f"suv_{name}"]), rel=1e-5)


def test_the_report_names_the_patient_only_as_it_is_told_to(here, capsys):
    predict()
    words = ["measure", "predicted/mask.nii.gz", "study"]
    assert main([*words, "-o", "plain"]) == 0
    assert main([*words, "-o", "pseudonym", "--pseudonym", "Case <17>"]) == 0
    plain, named = ((here / out / "report.html").read_text() for out in ("plain", "pseudonym"))
    assert "study-" in plain
    assert "Case &lt;17&gt;" in named
    capsys.readouterr()
    assert main([*words, "-o", "out", "--pseudonym", "Mr. Secret"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--pseudonym: it holds the patient's name" in line
    assert "Secret" not in line


def test_the_id_is_shown_on_request_only(here):
    write_study(here / "named", PatientID="4711-A")
    assert (
        main(["predict", "named", "--weights", "w", "--device", "cpu", "-o", "first", "--dicom-out", "none"])
        == 0
    )
    words = ["measure", "first/mask.nii.gz", "named", "--dicom-out", "none"]
    assert main([*words, "-o", "without"]) == main([*words, "-o", "with", "--show-id"]) == 0
    pages = [(here / out / "report.html").read_text() for out in ("first", "without", "with")]
    assert ["4711" in page for page in pages] == [False, False, True]
    facts = [json.loads((here / out / "lesions.json").read_text())["facts"] for out in ("without", "with")]
    assert [one["patient"]["id"] for one in facts] == [None, "4711-A"]


def test_what_is_true_of_one_study_is_refused_for_several(here, capsys):
    write_study(here / "two" / "a")
    write_study(here / "two" / "b", StudyInstanceUID="1.2.9")
    words = ["predict", "two", "--weights", "w", "--device", "cpu", "-o", "out", "--height-m", "1.7"]
    assert main(words) == 2
    assert "--height-m: of one study, and 2 are given" in capsys.readouterr().err


def test_a_region_of_reference_out_of_the_images_is_one_line_and_writes_nothing(here, capsys):
    predict()
    capsys.readouterr()
    place = ["--liver-mm", "500", "0", "0"]
    assert main(["measure", "predicted/mask.nii.gz", "study", "-o", "out", *place]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "--liver-mm 500 0 0: the sphere of 3 cm there is not wholly in the PET" in line
    assert not (here / "out").exists()
    assert main(["predict", "study", "--weights", "w", "--device", "cpu", "-o", "out", *place]) == 1
    assert "--liver-mm 500 0 0" in capsys.readouterr().err
    assert not (here / "out").exists()


def test_lesions_as_numbers_in_a_nifti_mask_give_the_same_lesions_again(here):
    predict("--labels")
    words = ["measure", "predicted/lesions.nii.gz", "study", "--label", "all", "-o", "out", "--no-report"]
    assert main(words) == 0
    assert rows(here / "out" / "lesions.csv") == rows(here / "predicted" / "lesions.csv")
