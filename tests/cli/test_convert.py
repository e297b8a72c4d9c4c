import nibabel
import numpy as np
import pytest

from cipa.cli.main import main

SHAPE = (20, 18, 5)
AFFINE = np.diag([-1.0, -1.0, 3.0, 1.0])


@pytest.fixture
def study(tmp_path):
    """Two patients, P_1 and P_2."""
    random = np.random.default_rng(0)
    tumour = np.zeros(SHAPE, np.uint8)
    tumour[2:6, 4:9, 1:4] = 1
    root = tmp_path / "study"
    for name in ("P_1", "P_2"):
        (root / name).mkdir(parents=True)
        for kind, array in (
            ("ct", random.integers(-1000, 200, SHAPE).astype(np.int16)),
            ("pet", random.uniform(0, 9, SHAPE).astype(np.float32)),
            ("mask", tumour),
        ):
            nibabel.save(nibabel.Nifti1Image(array, AFFINE), root / name / f"{kind}.nii")
    return root


PATTERNS = ["--ct", "*/ct.nii", "--pet", "*/pet.nii", "--mask", "*/mask.nii"]
SMALL = ["--image-size", "128", "--fit", "pad", "--workers", "1", "--slices", "tumour"]


def test_volumes_become_a_data_set_that_passes_the_check_and_come_back(study, tmp_path, capsys):
    data, back = str(tmp_path / "data"), tmp_path / "back"
    assert main(["convert", str(study), *PATTERNS, "-o", data, "--test-last", "1", *SMALL]) == 0
    printed = capsys.readouterr().out
    assert f"{data}/test.txt: 3 slices of 1 patient" in printed
    assert "pixels kept: 2 patients; resampled: 0" in printed
    assert main(["check", data]) == 0
    assert main(["convert", "--back", data, "--data", data, "-o", str(back), "--workers", "1"]) == 0
    assert "P1.nii.gz: 3 slices, 60 voxels, 0.18 mL" in capsys.readouterr().out
    found, truth = nibabel.load(back / "P2.nii.gz"), nibabel.load(study / "P_2" / "mask.nii")
    assert np.array_equal(found.dataobj, truth.dataobj)
    assert np.array_equal(found.affine, truth.affine)


def test_a_table_serves_as_well(study, tmp_path):
    table = study / "list.csv"
    table.write_text("patient,ct,pet,mask\nP_1,P_1/ct.nii,P_1/pet.nii,P_1/mask.nii\n")
    out = tmp_path / "data"
    assert main(["convert", "--table", str(table), "-o", str(out), "--test-fraction", "0", *SMALL]) == 0
    assert (out / "train.txt").read_text().splitlines() == ["P1_001", "P1_002", "P1_003"]


def test_a_bad_patient_is_named_and_exit_code_1_unless_skipped(study, tmp_path, capsys):
    (study / "P_2" / "pet.nii").unlink()
    words = ["convert", str(study), *PATTERNS, "-o", str(tmp_path / "data"), "--test-fraction", "0", *SMALL]
    assert main(words) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("cipa: P_2: no pet file")
    assert lines[1].startswith("cipa: 1 of 2 patients cannot be converted, so nothing was written")
    assert not (tmp_path / "data").exists()
    assert main([*words, "--skip-bad"]) == 0
    printed = capsys.readouterr()
    assert "left out: P_2: no pet file" in printed.err
    assert "3 slices of 1 patient" in printed.out


def test_warnings_are_one_line_each(study, tmp_path, capsys):
    nibabel.save(nibabel.Nifti1Image(np.zeros(SHAPE, np.float32), AFFINE), study / "P_1" / "pet.nii")
    words = ["convert", str(study), *PATTERNS, "-o", str(tmp_path / "data"), *SMALL, "--slices", "all"]
    assert main(words) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("cipa: warning: ")
    assert "no PET value above 0" in line


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "nothing to convert"),
        (["ROOT", "--ct", "*/ct.nii"], "nothing to convert"),
        (["ROOT", "--table", "a.csv"], "not both"),
        (["--back", "masks"], "together"),
        (["--data", "data"], "together"),
        (["ROOT", "--back", "masks", "--data", "data"], "does not go with ROOT"),
        (["--back", "masks", "--data", "data", "--test-last", "2"], "does not go with --test-last"),
        (["ROOT", *PATTERNS, "--test-last", "1", "--test-patients", "P_1"], "give one of"),
        (["ROOT", *PATTERNS, "--test-patients", "P_9"], "no such patient; names are as P_1"),
        (["ROOT", *PATTERNS, "--image-size", "100"], "multiple of 128"),
        (["ROOT", *PATTERNS, "--workers", "0"], "--workers 0"),
        (["ROOT", *PATTERNS, "--frame", "0"], "--frame 0: frames are counted from 1"),
        (["--results", "RESULTS", "--sum", "1-2"], "--results: does not go with --sum"),
    ],
)
def test_options_that_make_no_sense_are_one_line_and_exit_code_2(study, tmp_path, capsys, words, complaint):
    words = [str(study) if word == "ROOT" else word for word in words]
    assert main(["convert", "-o", str(tmp_path / "out"), *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line
    assert not (tmp_path / "out").exists()


def test_time_frames_of_nifti_are_refused(study, tmp_path, capsys):
    assert main(["convert", str(study), *PATTERNS, "--frame", "2", "-o", str(tmp_path / "o"), *SMALL]) == 1
    assert "--frame 2" in (line := capsys.readouterr().err.splitlines()[0])
    assert "is no DICOM study, whose time frames it chooses" in line


def test_a_data_set_of_tumour_slices_alone_is_warned_of(study, tmp_path, capsys):
    words = ["convert", str(study), *PATTERNS, "--image-size", "128", "--fit", "pad", "--workers", "1", "-o"]
    assert main([*words, str(tmp_path / "all")]) == 0
    printed = capsys.readouterr()
    assert "5 slices of 1 patient, 3 of them with tumour" in printed.out
    assert "every slice shows tumour" not in printed.err
    assert main([*words, str(tmp_path / "few"), "--slices", "tumour"]) == 0
    assert "every slice shows tumour" in capsys.readouterr().err
