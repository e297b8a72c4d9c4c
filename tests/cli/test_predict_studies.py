"""`cipa predict` on studies: refusals in one line each, folders of many, interruptions, several processes."""

import csv
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

import cipa
from cipa.cli.main import main
from cipa.inference import save
from cipa.io.dicom import seg, source
from dicom_files import write_series
from small_networks import BrightPet
from studies import SPOILT, spoil, without_weight, write_study


class Interruptible(BrightPet):
    """Calls `before` first."""

    before = staticmethod(lambda: None)

    def forward(self, ct, pet):
        self.before()
        return super().forward(ct, pet)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setattr("cipa.inference.weights.load_model", lambda path: Interruptible())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predict(*words, weights=("--weights", "w")):
    return main(["predict", *weights, "--device", "cpu", *words])


def many(folder, count=3):
    for number in range(1, count + 1):
        uids = {"StudyInstanceUID": f"1.2.{number}", "FrameOfReferenceUID": f"1.3.{number}"}
        write_study(folder / f"p{number}", **uids)


def lines_of(capsys):
    printed = capsys.readouterr()
    assert "Secret" not in printed.out + printed.err
    return printed.out.splitlines(), printed.err.splitlines()


def edit(folder, **tags):
    for file in folder.iterdir():
        one = dcmread(file)
        for name, value in tags.items():
            setattr(one, name, value)
        one.save_as(file)


def edit_one(folder, number, tag, value):
    file = sorted(folder.iterdir(), key=lambda file: dcmread(file).ImagePositionPatient[2])[number]
    one = dcmread(file)
    setattr(one, tag, value)
    one.save_as(file)


def without(folder, *numbers):
    for number in numbers:
        sorted(folder.iterdir(), key=lambda file: dcmread(file).ImagePositionPatient[2])[number].unlink()


SPOILED = {
    "no pet": (lambda s: shutil.rmtree(s / "pet"), "no PET series; give the folder of the whole"),
    "no ct": (lambda s: shutil.rmtree(s / "ct"), "no CT series; give the folder of the whole"),
    "two cts": (
        lambda s: write_series(s / "x", "CT", np.ones((9, 9, 5)), SeriesInstanceUID="1.9", SeriesNumber=9),
        "2 candidates .*; choose with --ct-series NUMBER",
    ),
    "gap": (lambda s: without(s / "pet", 2), "slices are missing .*; export all"),
    "uneven": (
        lambda s: edit_one(s / "ct", 2, "ImagePositionPatient", [90, -40, 14.0]),
        "uneven spacing: .*; export one reconstruction of even spacing",
    ),
    "enhanced": (
        lambda s: edit(s / "pet", SOPClassUID="1.2.840.10008.5.1.4.1.1.130"),
        r"enhanced multi-frame PET: Number of Frames \(0028,0008\) is missing or malformed; export",
    ),
    "frames": (
        lambda s: edit(s / "pet", FrameOfReferenceUID="1.7"),
        r"no CT and PET in one frame of reference \(0020,0052\).*; give one PET-CT study",
    ),
    "uncorrected": (
        lambda s: edit(s / "pet", CorrectedImage=["DECY"]),
        "lacks ATTN; export the corrected PET",
    ),
    "weight": (lambda s: edit(s / "pet", PatientWeight=None), "Weight .* is missing; give --weight-kg"),
    "units": (lambda s: edit(s / "pet", Units="CNTS"), "Units are CNTS and neither .*; export the PET with"),
    "decay": (lambda s: edit(s / "pet", DecayCorrection="X"), "is 'X', not START, ADMIN or NONE; correct"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_study_that_cannot_be_used_is_one_line_with_its_path_and_the_way_out(here, capsys, case):
    spoil, words = SPOILED[case]
    spoil(write_study(here / "study"))
    assert predict("study", "-o", "out") == 1
    out, (line,) = lines_of(capsys)
    assert out == []
    assert line.startswith("cipa: study: ")
    assert re.search(words, line)
    assert not (here / "out").exists()


def test_weight_and_dose_that_the_header_lacks_can_be_given(here, capsys):
    study = without_weight(write_study(here / "study"))
    for file in (study / "pet").iterdir():
        one = dcmread(file)
        del one.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose
        one.save_as(file)
    assert predict("study", "-o", "out", "--weight-kg", "70") == 1
    assert "is missing; give --dose-mbq" in lines_of(capsys)[1][0]
    assert predict("study", "-o", "out", "--weight-kg", "70", "--dose-mbq", "350") == 0
    assert "study: 1 lesion, MTV 0.14 mL, TLG 2.2, SUVmax 15.00" in "\n".join(lines_of(capsys)[0])


def test_a_corrupt_file_among_good_ones_is_warned_about(here, capsys):
    (write_study(here / "study") / "ct" / "broken.dcm").write_bytes(b"not an image")
    assert predict("study", "-o", "out") == 0
    assert "cipa: warning: ct/broken.dcm cannot be read and is left out" in lines_of(capsys)[1]


def test_a_study_of_another_part_of_the_body_is_warned_about(here, capsys):
    write_study(here / "study", BodyPartExamined="KNEE")
    assert predict("study", "-o", "out") == 0
    assert any("is KNEE, not the chest" in line for line in lines_of(capsys)[1])


@pytest.mark.parametrize("name", ["../../evil.dcm", "/etc/evil.dcm"])
def test_a_zip_that_reaches_outside_is_refused(here, capsys, name):
    with zipfile.ZipFile("study.zip", "w") as archive:
        archive.writestr(name, b"x")
    assert predict("study.zip", "-o", "out") == 1
    assert f"study.zip: '{name}' is a path that leaves the archive" in lines_of(capsys)[1][0]


def test_a_zip_bomb_is_refused_unopened(here, capsys, monkeypatch):
    monkeypatch.setattr(source, "RATIO_FROM_BYTES", 2**20)  # so that a small one does
    with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"{number}.dcm", bytes(2**18))
    assert predict("bomb.zip", "-o", "out") == 1
    assert "that unpack to 5.0 MiB, which no study does; if you trust it" in lines_of(capsys)[1][0]


def test_many_studies_give_a_line_each_and_their_failures_at_the_end(here, capsys):
    many(here / "in")
    spoil(here / "in" / "p2")
    for again in (False, True):
        assert predict("in", "-o", "out") == 1
        out, err = lines_of(capsys)
        assert out[0].startswith("[1/3] p1: 1 lesion, MTV 0.14 mL, TLG 2.2, SUVmax 15.00")
        assert ("finished before" in out[0]) == again
        assert out[1].startswith(f"[2/3] p2: failed: {SPOILT}")
        assert out[3] == "2 of 3 studies finished; tables of all: out"
        assert err == [f"cipa: failed: [2/3] p2: {SPOILT}"]
    with Path("out/patients.csv").open(newline="") as file:
        assert [(row["study"], row["lesions"]) for row in csv.DictReader(file)] == [("p1", "1"), ("p3", "1")]
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "left_out.csv",
        "lesions.csv",
        "p1",
        "p3",
        "patients.csv",
    ]


def test_many_studies_need_a_folder_of_their_own(here, capsys):
    many(here / "in", 2)
    assert predict("in", "-o", "mask.nii.gz") == 2
    assert "2 studies are given; name a folder" in lines_of(capsys)[1][0]  # though a patient is called "Name"
    assert predict("in/p1", "-o", "out") == 0
    assert predict("in", "-o", "out") == 2
    assert "holds one study's result" in lines_of(capsys)[1][-1]


def test_names_of_patients_are_kept_only_when_asked(here, capsys):
    for number in (1, 2):
        uids = {"StudyInstanceUID": f"1.2.{number}", "FrameOfReferenceUID": f"1.3.{number}"}
        write_study(here / "in" / f"Secret_{number}", PatientName="Secret^Name", **uids)
    assert predict("in", "-o", "out") == 0
    lines_of(capsys)
    assert all("secret" not in str(path).lower() for path in Path("out").rglob("*"))
    assert b"Secret" not in b"".join(path.read_bytes() for path in Path("out").rglob("*.[cj]s*"))
    assert predict("in", "-o", "named", "--keep-names") == 0
    assert {path.name for path in Path("named").iterdir()} >= {"Secret_1", "Secret_2"}


@pytest.mark.parametrize("option", ["--interactive", "--labels"])
def test_files_that_a_mask_alone_does_not_have_are_refused(here, capsys, option):
    write_study(here / "study")
    assert predict("study", "-o", "mask.nii.gz", option) == 2
    assert f"{option}: only for the folder of a study's result, a mask alone" in capsys.readouterr().err
    assert not Path("mask.nii.gz").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_what_is_finished_and_nothing_half_written(
    here, capsys, monkeypatch, number, code
):
    many(here / "in", 2)
    sent = []

    def interrupt():
        if Path("out/p1").exists() and not sent:  # the network is at the second study
            sent.append(number)
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Interruptible, "before", staticmethod(interrupt))
    handler = signal.getsignal(signal.SIGTERM)
    # A shell that starts the tests in the background has Ctrl-C ignored, and Python then leaves it so.
    interruptible = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        found = predict("in", "-o", "out", "--batch-size", "3")
    except SystemExit as stop:
        found = stop.code
    finally:
        signal.signal(signal.SIGINT, interruptible)
    assert found == code
    assert signal.getsignal(signal.SIGTERM) == handler
    assert [path.name for path in Path("out").iterdir()] == ["p1"]


def test_a_full_disk_is_one_line_and_leaves_nothing(here, capsys, monkeypatch):
    many(here / "in", 2)

    def full(path, *_):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(save, "write_volume", full)
    for study in ("in", "in/p1"):
        assert predict(study, "-o", "out") == 1
        (line,) = lines_of(capsys)[1]
        assert line.startswith("cipa: no space left on the disk of")
        assert list(here.rglob("out/*")) == []


def test_several_weights_are_an_ensemble_and_none_the_ones_in_the_package(here, capsys, monkeypatch):
    write_study(here / "study")
    assert predict("study", "-o", "out", weights=("--weights", "a", "--weights", "b")) == 0
    assert '"weights": [\n        "a",\n        "b"\n      ]' in Path("out/lesions.json").read_text()
    monkeypatch.setitem(sys.modules, "cipa.models.bundled", None)
    lines_of(capsys)
    assert predict("study", "-o", "other", weights=()) == 1
    assert "give weights (--weights PATH)" in lines_of(capsys)[1][0]


@pytest.mark.slow
def test_two_processes_share_the_studies_and_one_reports(here):
    many(here / "in", 3)
    spoil(here / "in" / "p2")
    cipa.create_model("nano", image_size=128).save_pretrained(here / "nano")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "cipa", "predict", "in", "-o", "out", "--weights", "nano", "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    out = done.stdout.splitlines()
    for start in ("[1/3] p1: ", "[2/3] p2: failed: PET series", "[3/3] p3: "):
        assert sum(line.startswith(start) for line in out) == 1
    assert out.count("2 of 3 studies finished; tables of all: out") == 1
    assert done.stderr.count(f"cipa: failed: [2/3] p2: {SPOILT}") == 1
    written = sorted(path.name for path in Path("out").iterdir())
    assert written == ["left_out.csv", "lesions.csv", "p1", "p3", "patients.csv"]


def test_what_writes_seg_is_loaded_only_where_one_is_written(here, monkeypatch):
    loaded = []
    monkeypatch.setattr(seg, "load_writer", lambda: loaded.append(True))
    write_study(here / "study")
    assert predict("study", "-o", "mask.nii.gz") == 0
    assert loaded == []
    assert predict("study", "-o", "out", "--no-report") == 0
    assert loaded == [True]
    assert (here / "out" / "segmentation.dcm").is_file()
