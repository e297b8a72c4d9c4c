import json
import subprocess
import sys

import numpy as np
import pytest

from cipa.cli.main import main
from dicom_files import write_series
from studies import SPOILT, spoil, write_study

VALUES = np.arange(4 * 4 * 5).reshape(4, 4, 5) * 10


@pytest.fixture
def study(tmp_path):
    for modality in ("CT", "PT"):
        write_series(tmp_path / "study" / modality, modality, VALUES)
    return tmp_path / "study"


def info(capsys, *words):
    code = main(["info", *map(str, words)])
    printed = capsys.readouterr()
    assert "Secret" not in printed.out + printed.err
    return code, printed


def facts_of(capsys, *words):
    code, printed = info(capsys, *words, "--json")
    facts = json.loads(printed.out)
    assert code == (0 if facts["usable"] else 1)
    return facts


def test_json_says_what_was_found_and_how_suv_was_computed(study, capsys):
    facts = facts_of(capsys, study)
    assert [(one["kind"], one["use"], one["shape"]) for one in facts["series"]] == [
        ("CT", "CT", [4, 4, 5]),
        ("PET", "PET", [4, 4, 5]),
    ]
    assert facts["series"][0]["spacing_mm"] == [2, 2, 3]
    assert facts["suv"]["factor"] == pytest.approx(70e3 / (350e6 * 2 ** (-3600 / 6586.2)))
    assert facts["suv"]["range"] == pytest.approx([0, 790 * facts["suv"]["factor"]])
    assert "350 MBq" in facts["suv"]["how"]
    assert facts["problems"] == facts["notes"] == []


def test_table_names_series_factor_and_verdict(study, capsys):
    (study / "CT" / "broken.dcm").write_bytes(b"?")
    code, printed = info(capsys, study)
    assert code == 0
    assert "SUV factor 0.00029" in printed.out
    assert "tracer: not named in the header, scanned 60 min after the injection" in printed.out
    assert "warning CT/broken.dcm cannot be read" in printed.out
    assert "Can be segmented" in printed.out


def test_unusable_study_keeps_its_table_and_exits_with_1(study, capsys):
    next((study / "CT").glob("CT017.dcm")).unlink()
    code, printed = info(capsys, study)
    assert code == 1
    assert "problem CT series 67 'CT': slices are missing (about 1)" in printed.out
    assert "Cannot be segmented" in printed.out


def test_a_study_is_described_without_pytorch(study):
    code = "import sys; from cipa.cli.main import main; main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code, "info", str(study)], capture_output=True).returncode == 0
    )


def test_weight_that_the_header_lacks_can_be_given(tmp_path, capsys):
    write_series(tmp_path, "CT", VALUES)
    write_series(tmp_path, "PT", VALUES, PatientWeight=None)
    assert "give --weight-kg" in facts_of(capsys, tmp_path)["problems"][0]
    facts = facts_of(capsys, tmp_path, "--weight-kg", "140", "--dose-mbq", "350")
    assert facts["suv"]["factor"] == pytest.approx(140e3 / (350e6 * 2 ** (-3600 / 6586.2)))


def test_series_can_be_chosen_by_number(study, capsys):
    write_series(study / "second", "CT", VALUES, SeriesInstanceUID="1.2.9", SeriesNumber=9)
    assert "choose with --ct-series" in facts_of(capsys, study)["problems"][0]
    uses = {one["number"]: one["use"] for one in facts_of(capsys, study, "--ct-series", "9")["series"]}
    assert uses == {"9": "CT", "67": None, "80": "PET"}


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("absent",), 1, "cipa: absent: no such folder or zip"),
        (("x", "--weight-kg", "-1"), 2, "cipa: --weight-kg -1: give a number above 0"),
        (("x", "--dose-mbq", "0"), 2, "cipa: --dose-mbq 0: give a number above 0"),
    ],
)
def test_what_cannot_be_looked_at_is_one_line(capsys, words, code, line):
    found, printed = info(capsys, *words)
    assert (found, printed.err.count("\n")) == (code, 1)
    assert printed.err.startswith(line)


def test_many_studies_are_a_row_each(tmp_path, capsys):
    for number in (1, 2):
        uids = {"StudyInstanceUID": f"1.2.{number}", "FrameOfReferenceUID": f"1.3.{number}"}
        write_study(tmp_path / f"p{number}", **uids)
    spoil(tmp_path / "p2")
    code, printed = info(capsys, tmp_path)
    assert code == 1
    assert "0.0002" in printed.out
    assert f"problem p2: {SPOILT}" in printed.out
    code, printed = info(capsys, tmp_path, "--json")
    assert [(one["study"], one["usable"]) for one in json.loads(printed.out)] == [("p1", True), ("p2", False)]


def test_what_needs_a_second_look_is_noted_without_a_name(tmp_path, capsys):
    write_study(tmp_path / "study", BodyPartExamined="KNEE")
    (tmp_path / "study" / "secret.dcm").write_bytes(b"?")
    facts = facts_of(capsys, tmp_path / "study")
    assert any("is KNEE, not the chest" in line for line in facts["notes"])
    assert "***.dcm cannot be read and is left out" in facts["notes"]
    assert facts["series"][0]["body_part"] == "KNEE"
    assert facts["series"][0]["compression"] == "Explicit VR Little Endian"


def test_time_frames_are_listed_and_one_can_be_taken(study, capsys):
    for file in (study / "PT").iterdir():
        file.unlink()
    for frame in range(3):
        tags = {"AcquisitionTime": f"100{frame}00", "ActualFrameDuration": 60_000}
        write_series(study / f"PT{frame}", "PT", VALUES + frame, **tags)
    assert info(capsys, study)[0] == 1
    code, printed = info(capsys, study, "--frame", "2")
    assert code == 0
    assert "3 time frames (1-3 from 0:00 for 60 s each)" in " ".join(printed.out.split())
    assert facts_of(capsys, study, "--sum", "1-3")["series"][1]["use"] == "PET"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("--sum", "3"),
            "--sum 3 is not possible: it must be two numbers with a dash between them, such as 3-8",
        ),
        (("--sum", "3-2"), "--sum 3-2: give two numbers from 1, the lower one first"),
        (("--frame", "0"), "--frame 0: frames are counted from 1"),
    ],
)
def test_frames_that_cannot_be_are_one_line(study, capsys, words, line):
    code, printed = info(capsys, study, *words)
    assert code == 2
    assert line in printed.err
