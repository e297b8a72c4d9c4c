import csv
import json

import pytest

from cipa.cli.main import main
from two_time_points import box, write_dicom_study

HERE, THERE = box(10, 10, 12, 8), box(42, 32, 24, 8)
LIVER = ("--before-liver-mm", "20", "0", "-10", "--after-liver-mm", "20", "0", "-10")


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """The same frame of reference at two times: the first lesion fades and a new one appears."""
    folder = tmp_path_factory.mktemp("studies")
    write_dicom_study(folder / "a", [HERE], 15.0)
    write_dicom_study(folder / "b", [HERE, THERE], 6.0, StudyDate="20240801")
    return folder


@pytest.fixture
def compare(studies, tmp_path):
    def run(*words, first="a", second="b"):
        sides = [str(studies / one) for one in (first, second)]
        masks = [f"{side}/mask.nii.gz" for side in sides]
        places = [f"{side}/study" for side in sides]
        return main(["compare-studies", *places, "--masks", *masks, "-o", str(tmp_path / "out"), *words])

    return run


def test_a_report_says_what_became_of_each_lesion(compare, tmp_path, capsys):
    assert compare(*LIVER) == 0
    said = capsys.readouterr()
    assert "lesion 1 of the first study is 1 of the second" in said.out
    assert "lesion 2 of the second study: new" in said.out
    assert "PERCIST 1.0: PMD, progressive metabolic disease" in said.out
    assert "Secret" not in said.out + said.err
    found = json.loads((tmp_path / "out" / "followup.json").read_text())
    assert found["percist"]["category"] == "PMD"
    assert found["totals"]["suv_max_before"] == pytest.approx(15, abs=0.01)
    assert found["totals"]["lesions_change"] == 1
    with (tmp_path / "out" / "matches.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["kind"], row["lesions_before"], row["lesions_after"]) for row in rows] == [
        ("same", "1", "1"),
        ("new", "", "2"),
    ]
    page = (tmp_path / "out" / "followup.html").read_text()
    assert "Secret" not in page
    assert page.count("data:image/png;base64,") == 2
    assert "progressive metabolic disease" in page
    assert (tmp_path / "out" / "pictures" / "before.png").is_file()


def test_results_are_compared_with_their_studies(studies, tmp_path, capsys):
    for name in "ab":
        words = [str(studies / name / "mask.nii.gz"), str(studies / name / "study"), "--no-report"]
        assert main(["measure", *words, "-o", str(tmp_path / f"result_{name}")]) == 0
    results = [str(tmp_path / f"result_{name}") for name in "ab"]
    out = str(tmp_path / "out")
    assert main(["compare-studies", *results, "-o", out]) == 2
    assert "a result, which holds no images; give its study with --studies" in capsys.readouterr().err
    places = [str(studies / name / "study") for name in "ab"]
    assert main(["compare-studies", *results, "--studies", *places, "-o", out]) == 0
    found = json.loads((tmp_path / "out" / "followup.json").read_text())
    earlier = json.loads((tmp_path / "result_a" / "lesions.json").read_text())
    assert found["before"]["lesions"] == earlier["lesions"]
    assert found["percist"]["category"] is None
    assert "give --before-liver-mm" in " ".join(found["percist"]["why"])


def test_percist_goes_by_the_blood_pool_where_no_liver_is_given(compare, tmp_path, capsys):
    places = [word.replace("liver", "blood-pool") for word in LIVER]
    assert compare(*places) == 0
    assert (
        "note: by the blood pool, as the liver of the first study was not measured" in capsys.readouterr().out
    )
    found = json.loads((tmp_path / "out" / "followup.json").read_text())
    region = found["before"]["facts"]["reference"]["blood_pool"]
    expected = 2 * region["mean_sul"] + 2 * region["sd_sul"]
    assert found["percist"]["threshold_sul"] == pytest.approx(expected)
    assert found["percist"]["category"] == "PMD"


def test_another_patient_is_refused_unless_allowed(studies, compare, tmp_path, capsys):
    write_dicom_study(studies / "c", [HERE], 9.0, PatientID="P2", StudyDate="20240601")
    assert compare(second="c") == 1
    said = capsys.readouterr().err
    assert "different patients by Patient ID (0010,0020)" in said
    assert "P2" not in said
    assert not (tmp_path / "out").exists()
    assert compare("--allow-other-patient", second="c") == 0
    assert "as was allowed" in capsys.readouterr().err


def test_reversed_dates_are_warned_of(compare, capsys):
    assert compare(first="b", second="a") == 0
    assert "the first study (2024-08-01) is later than the second (2024-05-02)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--nearest-mm", "-1"), "--nearest-mm -1: give millimetres, 0 or more"),
        (("--studies", "x", "y"), "--studies goes with results and --masks with studies"),
    ],
)
def test_options_that_cannot_be_are_one_line(compare, capsys, words, line):
    assert compare(*words) == 2
    assert line in capsys.readouterr().err


def test_a_study_without_a_mask_is_refused(studies, tmp_path, capsys):
    places = [str(studies / name / "study") for name in "ab"]
    assert main(["compare-studies", *places, "-o", str(tmp_path / "out")]) == 2
    assert "no result of cipa; of a study, give its mask with --masks" in capsys.readouterr().err


def test_an_earlier_comparison_is_replaced_only_if_asked(compare):
    assert compare() == 0
    assert compare() == 2
    assert compare("--overwrite") == 0
