import shutil

import nibabel
import numpy as np
import pytest

from cipa.cli.main import main
from cipa.io.png import read_grey, write_grey
from dicom_files import write_series
from small_networks import BrightPet


@pytest.fixture(autouse=True)
def weights(monkeypatch):
    monkeypatch.setattr("cipa.inference.weights.load_model", lambda path: BrightPet())


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predict(*words):
    return main(["predict", "--weights", "w", "--device", "cpu", *words])


def save(path, array, affine=None):
    affine = np.diag([-1.0, -1.0, 3.0, 1.0]) if affine is None else affine
    image = nibabel.Nifti1Image(array, affine)
    image.set_sform(affine, code=1)
    nibabel.save(image, path)


@pytest.fixture
def volumes(here):
    pet = np.zeros((32, 32, 4), np.float32)
    pet[10:14, 20:22, 1] = 18
    save(here / "ct.nii.gz", np.full((32, 32, 4), -500, np.int16))
    save(here / "pet.nii.gz", pet)
    return ["--ct", "ct.nii.gz", "--pet", "pet.nii.gz"]


def test_pair_of_volumes(volumes, here, capsys):
    assert predict(*volumes, "-o", "out") == 0
    mask = nibabel.load(here / "out" / "mask.nii.gz").get_fdata()
    assert mask.sum() == mask[10:14, 20:22, 1].sum() == 8
    assert (here / "out" / "probability.nii.gz").exists()
    printed = capsys.readouterr()
    assert "ct: 1 lesion, MTV 0.02 mL, TLG 0.4, SUVmax 18.00" in printed.out
    assert "not a medical device" in printed.out
    assert printed.err == ""


def test_windows_and_fit_reach_the_volume(volumes, here):
    assert predict(*volumes, "-o", "a.nii.gz", "--suv-max", "100", "--fit", "resample") == 0
    assert nibabel.load(here / "a.nii.gz").get_fdata().sum() == 0


def test_pair_of_png(here, capsys):
    pet = np.zeros((32, 32), np.uint8)
    pet[3:5, 4:9] = 200
    write_grey("ct.png", pet)
    write_grey("pet.png", pet)
    assert predict("--ct", "ct.png", "--pet", "pet.png", "-o", "mask.png") == 0
    assert np.array_equal(read_grey("mask.png"), (pet > 0) * 255)
    assert "tumour: 10 pixels in 1 of 1 slice\n" in capsys.readouterr().out


@pytest.fixture
def folder(here):
    for slice_id, bright in (("a_1", 0), ("a_2", 255), ("b_1", 255)):
        for image in ("CT", "PET"):
            write_grey(f"data/{slice_id[0]}/{slice_id}_{image}.png", np.full((32, 32), bright, np.uint8))
    (here / "data" / "test.txt").write_text("b_1")
    return "data"


def test_whole_folder(folder, here, capsys):
    assert predict(folder, "-o", "out", "--batch-size", "2") == 0
    assert [int(read_grey(f"out/{name[0]}/{name}_mask.png").max()) for name in ("a_1", "a_2", "b_1")] == [
        0,
        255,
        255,
    ]
    assert "tumour: 2048 pixels in 2 of 3 slices" in capsys.readouterr().out


def test_dicom_study_in_a_folder_or_a_zip(here, capsys):
    ct, pet = np.full((32, 32, 4), 300), np.zeros((32, 32, 4))
    pet[10:14, 20:22, 1] = 60000
    write_series(here / "study" / "deep" / "ct", "CT", ct)
    write_series(here / "study" / "pet", "PT", pet, names=["1", "2", "3", "4"])
    shutil.make_archive("study", "zip", "study")
    for study, out in (("study", "a"), ("study.zip", "b")):
        assert predict(study, "-o", out, "--weight-kg", "80", "--fit", "pad") == 0
        assert nibabel.load(here / out / "mask.nii.gz").get_fdata()[10:14, 20:22, 1].sum() == 8
        printed = capsys.readouterr()
        assert "study: 1 lesion, MTV 0.10 mL" in printed.out
        assert "Secret" not in printed.out + printed.err
    assert predict("study", "-o", "c", "--weight-kg", "1") == 0
    assert "study: no lesion" in capsys.readouterr().out


def test_one_mask_alone_under_a_name_of_ones_own(volumes, here, capsys):
    assert predict(*volumes, "-o", "out/lesion.nii.gz", "--probability") == 0
    assert sorted(path.name for path in (here / "out").iterdir()) == [
        "lesion.nii.gz",
        "lesion_probability.nii.gz",
    ]
    assert "ct: 1 lesion, MTV 0.02 mL" in capsys.readouterr().out
    assert predict(*volumes, "-o", "ct.nii.gz") == 2
    assert "an input would be overwritten" in complaint(capsys)


def test_a_finished_study_is_left_alone_and_one_of_other_settings_is_not_replaced(volumes, here, capsys):
    assert predict(*volumes, "-o", "out") == 0
    before = (here / "out" / "mask.nii.gz").stat().st_mtime_ns
    capsys.readouterr()
    assert predict(*volumes, "-o", "out") == 0
    assert "finished before (nothing to do; --overwrite does it again)" in capsys.readouterr().out
    for words, line in (
        (["--threshold", "0.7"], "out: holds a result of another threshold"),
        (["--suv-max", "10"], "out: holds a result of other options"),
        (["--tta", "flips"], "out: holds a result of other options"),
    ):
        assert predict(*volumes, "-o", "out", *words) == 2
        assert line in complaint(capsys)
    save(here / "pet.nii.gz", np.zeros((32, 32, 4), np.float32))
    assert predict(*volumes, "-o", "out") == 2
    assert "out: holds a result of another study" in complaint(capsys)
    assert (here / "out" / "mask.nii.gz").stat().st_mtime_ns == before
    assert predict(*volumes, "-o", "out", "--overwrite") == 0
    assert nibabel.load(here / "out" / "mask.nii.gz").get_fdata().sum() == 0


def test_list_of_a_folder(folder, here):
    assert predict(folder, "-o", "out", "--list", "test") == 0
    assert [path.name for path in here.glob("out/*/*")] == ["b_1_mask.png"]


def complaint(capsys):
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "nothing to segment"),
        (("data", "--ct", "ct.nii.gz"), "or --ct and --pet, not both"),
        (("--ct", "ct.nii.gz", "--pet", "pet.png"), "give two .png, or two NIfTI"),
        (("--ct", "ct.dcm", "--pet", "pet.dcm"), "give two .png, or two NIfTI"),
        (("data", "--suv-max", "10"), "--suv-max: only for volumes"),
        (("data", "--interactive"), "--interactive: only for the folder of a study's result, slices"),
        (("data", "--labels"), "--labels: only for the folder of a study's result, slices"),
        (("--ct", "a.png", "--pet", "b.png", "--list", "test"), "--list test: only for a folder"),
        (("data", "--weight-kg", "70"), "--weight-kg: only for a DICOM study"),
        (("data", "--fit", "stretch"), "--fit stretch is not possible: it must be one of auto"),
        (("data", "--threshold", "2"), "threshold 2"),
        (("data", "--tta", "spin"), "--tta spin is not possible: it must be one of none, flips"),
        (("data", "--device", "abacus"), "unknown device 'abacus'"),
    ],
)
def test_wrong_command_is_one_line_and_exit_code_2(here, capsys, words, line):
    (here / "data").mkdir(exist_ok=True)
    assert predict(*words, "-o", "out") == 2
    assert line in complaint(capsys)
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--ct", "no.nii.gz", "--pet", "pet.nii.gz"), "no.nii.gz: no such file"),
        (("--ct", "no.png", "--pet", "pet.png"), "no.png: no such file"),
        (("absent",), "absent: no such file or folder"),
        (("empty",), "empty: no studies and no slices"),
    ],
)
def test_missing_input_is_one_line_and_exit_code_1(here, capsys, words, line):
    (here / "empty").mkdir()
    assert predict(*words, "-o", "out") == 1
    assert line in complaint(capsys)
    assert not (here / "out").exists()


def test_doubtful_volume_is_warned_about_in_one_line(volumes, here, capsys):
    save(here / "ct.nii.gz", np.full((32, 32, 4), 40, np.int16))
    assert predict(*volumes, "-o", "out") == 0
    assert complaint(capsys).startswith("cipa: warning: ct.nii.gz: lowest CT value 40, no air")
