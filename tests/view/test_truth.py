"""Corrected results become training data in one command, and the packaged network learns from them."""

import json

import numpy as np
import pytest
from PIL import Image

from cipa import privacy
from cipa.cli.main import main
from studies import write_dynamic_study, write_study
from view_client import LESIONS, Client, make_result

SIZE = ("--image-size", "128", "--fit", "pad", "--workers", "1")


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Three results, two of them corrected: the second lesion is erased."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cipa.view.save.write_study_report", lambda *_: None)
    for number, name in enumerate(("DOE_JOHN", "p2", "p3")):
        about = {
            "StudyInstanceUID": f"1.2.3.{number}",
            "PatientName": "Doe^John",
            "PatientID": f"ID{number}77",
        }
        study = write_study(tmp_path / "studies" / name, **about)
        make_result(study, tmp_path / "results" / f"r{number}", objects=())
    for number in (0, 1):
        client = Client(tmp_path / "results" / f"r{number}")
        labels = client.labels()
        labels[labels == 2] = 0
        edits = {"lesions": [{"label": 1, "state": "accepted" if number else "unreviewed"}]}
        assert client.send(labels, edits=edits).status_code == 200
    privacy.forget()
    return tmp_path / "results"


def test_corrected_results_become_a_data_set_in_one_command(results, tmp_path, capsys):
    code = main(["convert", "--results", "results", "-o", "data", "--test-last", "1", *SIZE])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert "left out, as nobody has corrected them: 1 result (r2)" in said.out
    assert "1 lesion of 1 not accepted by anybody, taken as tumour" in said.err
    metadata = json.loads((tmp_path / "data" / "metadata.json").read_text())
    assert len(metadata["patients"]) == 2
    for patient, record in metadata["patients"].items():
        assert record["slices_with_tumour"] == 1  # the erased lesion spanned two others
        assert record["sources"]["mask"].endswith("revisions/001/mask.nii.gz")
        assert record["sources"]["ct"].startswith("study-")
        masks = [np.asarray(Image.open(one)) for one in (tmp_path / "data" / patient).glob("*_mask.png")]
        assert sum((mask > 0).sum() for mask in masks) == 12


def test_the_data_set_tells_no_name_of_a_folder(results, tmp_path):
    assert main(["convert", "--results", "results", "-o", "data", "--test-last", "1", *SIZE]) == 0
    for file in (tmp_path / "data").rglob("*"):
        assert "DOE" not in str(file.relative_to(tmp_path))
        assert file.is_dir() or b"DOE" not in file.read_bytes()


def test_the_newest_revision_is_the_truth(results, tmp_path):
    client = Client(results / "r0")
    client.send(np.zeros_like(client.labels()), revision=1)
    assert main(["convert", "--results", "results", "-o", "data", "--test-last", "1", *SIZE]) == 0
    records = json.loads((tmp_path / "data" / "metadata.json").read_text())["patients"]
    assert sorted(record["slices_with_tumour"] for record in records.values()) == [0, 1]


def test_what_was_given_by_hand_is_used_again(tmp_path, monkeypatch):
    from cipa.inference.inputs import read_input
    from cipa.inference.options import StudyOptions
    from cipa.view.truth import find_corrected
    from studies import without_weight

    study = without_weight(write_study(tmp_path / "study"))
    pair = read_input(study, options=StudyOptions(weight_kg=140.0))
    monkeypatch.setattr("view_client.read_input", lambda *_: pair)
    monkeypatch.setattr("cipa.view.save.write_study_report", lambda *_: None)
    client = Client(make_result(study, tmp_path / "result", LESIONS[:1], objects=()))
    saved = client.send(client.labels()).json()
    assert saved["lesions"][0]["suv_max"] == pytest.approx(30, rel=1e-3)  # twice the header's 70 kg
    sources, _ = find_corrected(tmp_path / "result")
    assert sources.triples[0].given == {"weight_kg": 140.0}
    words = [
        "convert",
        "--results",
        str(tmp_path / "result"),
        "-o",
        str(tmp_path / "data"),
        "--test-last",
        "0",
    ]
    assert main([*words, *SIZE]) == 0
    pets = [np.asarray(Image.open(one)).max() for one in (tmp_path / "data").rglob("*_PET.png")]
    assert max(pets) == 255  # 15 would be grey 191


def test_a_dynamic_study_is_read_by_the_frames_of_its_result(tmp_path, monkeypatch):
    from cipa.inference.inputs import read_input
    from cipa.inference.options import StudyOptions

    study = write_dynamic_study(tmp_path / "study", (5, 15, 10))
    pair = read_input(study, options=StudyOptions(sum_frames=(2, 3)))
    monkeypatch.setattr("view_client.read_input", lambda *_: pair)
    monkeypatch.setattr("cipa.view.save.write_study_report", lambda *_: None)
    client = Client(make_result(study, tmp_path / "result", LESIONS[:1], objects=()))
    saved = client.send(client.labels()).json()
    assert saved["lesions"][0]["suv_max"] == pytest.approx(12.5, rel=1e-3)
    words = ["--results", str(tmp_path / "result"), "-o", str(tmp_path / "data"), "--test-last", "0"]
    assert main(["convert", *words, *SIZE]) == 0
    pets = [np.asarray(Image.open(one)).max() for one in (tmp_path / "data").rglob("*_PET.png")]
    assert max(pets) == round(12.5 / 20 * 255)


def test_a_study_that_is_not_found_is_named(results, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("CIPA_SOURCES", str(tmp_path / "nothing"))
    assert main(["convert", "--results", "results", "-o", "data", *SIZE]) == 1
    assert "say with --studies FOLDER" in capsys.readouterr().err
    words = ["convert", "--results", "results", "--studies", "studies", "-o", "data", "--test-last", "1"]
    assert main([*words, *SIZE]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--results", "results", "--ct", "*/ct.nii"], "--results: does not go with --ct"),
        (["results", "--results", "results"], "--results: does not go with ROOT"),
        (["--results", "results", "--label", "1"], "--results: does not go with --label"),
        (["--studies", "studies", "--table", "t.csv"], "--studies: only with --results"),
        (["--results", "nothing"], "no corrected result"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert main(["convert", *words, "-o", "data"]) != 0
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_the_packaged_network_continues_on_corrected_results(results, tmp_path):
    client = Client(results / "r2")
    assert client.send(client.labels()).status_code == 200
    words = ["convert", "--results", "results", "--weights", "bundled", "-o", "data", "--test-last", "1"]
    assert main([*words, "--workers", "1"]) == 0
    metadata = json.loads((tmp_path / "data" / "metadata.json").read_text())
    assert (metadata["size"], metadata["ct_window_hu"]) == (256, [-500.0, 300.0])
    train = ["train", "data", "-o", "run", "--weights", "bundled", "--epochs", "1", "--batch-size", "2"]
    assert main([*train, "--workers", "0"]) == 0
    config = json.loads((tmp_path / "run" / "last" / "config.json").read_text())
    assert config["variant"] == "nano"
