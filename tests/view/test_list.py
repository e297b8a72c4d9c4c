"""The list of results, what is opened, and what a study without a result becomes."""

import json
import shutil

import pytest

from cipa.cli.main import main
from cipa.errors import UsageError
from cipa.inference.options import NOTHING_GIVEN
from cipa.inference.revisions import list_revisions
from cipa.view.start import find_results
from small_networks import BrightPet
from studies import write_study
from view_client import Client, make_result


@pytest.fixture
def results(made, result, study, tmp_path):
    """A folder of results in every state there is."""
    folder = tmp_path / "results"
    for name in ("network", "corrected", "broken", "without_mask"):
        shutil.copytree(result, folder / "deep" / name)
    make_result(study, folder / "empty", (), objects=(), facts={})
    client = Client(folder / "deep" / "corrected")
    assert client.send(client.labels()).status_code == 200
    (folder / "deep" / "broken" / "lesions.json").write_text("{")
    (folder / "deep" / "without_mask" / "mask.nii.gz").unlink()
    (folder / ".partial-host-1-00000000-x").mkdir()
    shutil.copy(result / "lesions.json", folder / ".partial-host-1-00000000-x")
    return folder


def test_every_result_is_listed_with_its_state(results):
    rows = Client(results).get("/api/results").json()
    states = [(row["state"], row["lesions"], row["revision"]) for row in rows]
    assert states == [
        ("broken", 0, 0),
        ("corrected", 2, 1),
        ("network", 2, 0),
        ("broken", 0, 0),
        ("empty", 0, 0),
    ]
    assert [row["problem"] for row in rows if row["state"] == "broken"] == [
        "lesions.json: damaged, or of another program; predict the study again",
        "mask.nii.gz: missing; predict the study again",
    ]
    assert len({row["id"] for row in rows}) == 5


def test_a_result_keeps_its_id_when_others_come_and_go(results):
    client = Client(results)
    before = {row["id"]: row["state"] for row in client.get("/api/results").json()}
    shutil.rmtree(results / "deep" / "network")
    after = {row["id"]: row["state"] for row in client.get("/api/results").json()}
    assert after.items() < before.items()


def test_a_broken_result_is_opened_with_a_line(results):
    client = Client(results)
    for row in client.get("/api/results").json():
        answer = client.get(f"/api/results/{row['id']}")
        assert answer.status_code == (422 if row["state"] == "broken" else 200)
        assert row["state"] != "broken" or answer.json()["error"] == row["problem"]


def test_a_predicted_study_opens_without_another_word(study, tmp_path, monkeypatch):
    monkeypatch.setattr("cipa.inference.weights.load_model", lambda path: BrightPet())
    words = ["predict", str(study), "--weights", "w", "--device", "cpu", "-o", str(tmp_path / "out")]
    assert main([*words, "--no-report", "--dicom-out", "none"]) == 0
    described = Client(tmp_path / "out").describe()
    assert described["lesions"][0]["suv_max"] == pytest.approx(15, rel=1e-3)
    assert described["revisions"][0]["by"] == "network"


def test_studies_of_a_folder_open_without_another_word(tmp_path, monkeypatch):
    monkeypatch.setattr("cipa.inference.weights.load_model", lambda path: BrightPet())
    for number in (1, 2):
        write_study(tmp_path / "in" / f"s{number}", StudyInstanceUID=f"1.2.{number}")
    words = [
        "predict",
        str(tmp_path / "in"),
        "--weights",
        "w",
        "--device",
        "cpu",
        "-o",
        str(tmp_path / "out"),
    ]
    assert main([*words, "--no-report", "--dicom-out", "none"]) == 0
    client = Client(tmp_path / "out")
    rows = client.get("/api/results").json()
    assert [row["name"] for row in rows] == ["s1", "s2"]
    assert all(client.get(f"/api/results/{row['id']}").status_code == 200 for row in rows)


def test_a_measured_mask_opens_too(study, result, tmp_path):
    words = ["measure", str(result / "mask.nii.gz"), str(study), "-o", str(tmp_path / "out"), "--no-report"]
    assert main(words) == 0
    assert len(Client(tmp_path / "out").describe()["lesions"]) == 2


def test_a_study_without_a_result_begins_with_an_empty_mask(study, tmp_path):
    out = find_results(study, tmp_path / "out", NOTHING_GIVEN)
    client = Client(out)
    assert client.get("/api/results").json()[0]["state"] == "empty"
    labels = client.labels()
    assert not labels.any()
    labels[2, 10:13, 10:13] = 1
    edits = {"tools": ["brush"], "lesions": [{"label": 1, "state": "accepted"}]}
    saved = client.send(labels, edits=edits).json()
    assert saved["lesions"][0]["voxels"] == 9
    assert (out / "revisions" / "001" / "segmentation.dcm").is_file()
    from pydicom import dcmread

    seg = dcmread(out / "revisions" / "001" / "segmentation.dcm")
    assert seg.SegmentSequence[0].SegmentAlgorithmType == "MANUAL"


def test_the_result_of_a_study_is_opened_again(study, tmp_path):
    out = find_results(study, tmp_path / "out", NOTHING_GIVEN)
    client = Client(out)
    client.send(client.labels())
    assert find_results(study, tmp_path / "out", NOTHING_GIVEN) == out
    assert len(list_revisions(out)) == 1


def test_the_result_of_another_study_is_not_touched(study, tmp_path):
    other = write_study(tmp_path / "other", StudyInstanceUID="1.2.9")
    out = find_results(study, tmp_path / "out", NOTHING_GIVEN)
    with pytest.raises(UsageError, match="another study"):
        find_results(other, out, NOTHING_GIVEN)


@pytest.mark.parametrize(
    ("target", "out", "said"),
    [
        ("study", None, "a study without a result; give -o RESULT"),
        ("nothing", None, "no result of cipa predict"),
        ("result", "out", "only for a study without a result"),
        ("many", "out", "2 studies; give one of them"),
        ("result/revisions/001", None, "one revision of a result; open the result"),
    ],
)
def test_what_cannot_be_opened_is_said(study, result, tmp_path, target, out, said):
    for number in (1, 2):
        write_study(tmp_path / "many" / f"s{number}", StudyInstanceUID=f"1.2.{number}")
    client = Client(result)
    client.send(client.labels())
    with pytest.raises(UsageError, match=said):
        find_results(tmp_path / target, out and tmp_path / out, NOTHING_GIVEN)


def test_a_folder_where_another_study_lies_now_is_not_taken_for_the_old_one(study, tmp_path):
    other = write_study(tmp_path / "other", StudyInstanceUID="1.2.9")
    client = Client(make_result(study, tmp_path / "mine", objects=()))
    assert client.get(client.url()).status_code == 200
    shutil.rmtree(study)
    other.rename(study)
    fresh = Client(tmp_path / "mine")
    assert fresh.get(fresh.url()).status_code == 404


def test_revisions_are_not_listed_as_results(client):
    client.send(client.labels())
    assert len(client.get("/api/results").json()) == 1


def test_facts_of_the_network_stay_with_a_revision(client, result):
    client.send(client.labels(), edits={"tools": ["brush"]})
    facts = json.loads((result / "revisions" / "001" / "lesions.json").read_text())["facts"]
    assert facts["model"] == {"name": "CIPA nano"}
    assert facts["revision"]["number"] == 1
    assert facts["source"].startswith("study-")
