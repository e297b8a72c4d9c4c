import subprocess
import sys

import pytest
from PIL import Image

from cipa.cli.main import main

_SMALL = ["--image-size", "128", "--tumour-slices", "1", "2", "--workers", "1"]


def test_phantom_draws_a_data_set_and_prints_the_baseline(tmp_path, capsys):
    out = tmp_path / "data"
    preview = tmp_path / "preview.png"
    assert main(["phantom", "-o", str(out), "--patients", "2", "--preview", str(preview), *_SMALL]) == 0
    printed = capsys.readouterr().out
    assert "of 1 patient" in printed
    assert "PET above SUV 2.5" in printed
    assert "best on the training slices" in printed
    assert (out / "train.txt").exists()
    with Image.open(preview) as image:
        assert image.width > 400


def test_one_patient_is_all_training(tmp_path, capsys):
    assert main(["phantom", "-o", str(tmp_path / "data"), "--patients", "1", *_SMALL]) == 0
    assert "training slices" in capsys.readouterr().out
    assert (tmp_path / "data" / "test.txt").read_text() == ""


@pytest.mark.parametrize(
    "words",
    [
        ["--image-size", "100"],
        ["--patients", "none"],
        ["--patients", "0"],
        ["--tumour-slices", "3"],
        ["--workers", "0"],
        ["--preview", "picture.jpg"],
        ["--colour"],
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(tmp_path, capsys, words):
    assert main(["phantom", "-o", str(tmp_path / "data"), *words]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("cipa: ")
    assert list(tmp_path.iterdir()) == []


def test_studies_in_dicom_can_be_read_as_such(tmp_path, capsys):
    out = tmp_path / "data"
    assert (
        main(
            ["phantom", "-o", str(out), "--dicom", "--patients", "1", "--image-size", "128", "--workers", "1"]
        )
        == 0
    )
    assert f"{out}/studies: 1 phantom" in capsys.readouterr().out
    assert main(["info", str(out / "studies" / "0001")]) == 0
    assert (out / "truth" / "0001.nii.gz").is_file()


@pytest.mark.parametrize(
    "words", [["--healthy", "0.5"], ["--tumour-slices", "3", "5"], ["--preview", "a.png"]]
)
def test_options_of_slices_do_not_go_with_dicom(tmp_path, capsys, words):
    assert main(["phantom", "-o", str(tmp_path / "data"), "--dicom", "--patients", "1", *words]) == 2
    assert words[0] in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_occupied_folder_is_refused(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("x")
    assert main(["phantom", "-o", str(tmp_path), "--patients", "1"]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_drawing_needs_no_torch(tmp_path):
    code = (
        "import sys; from cipa.cli.main import main;"
        f"main(['phantom', {str(tmp_path / 'data')!r}, '--patients', '1', *{_SMALL!r}]);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
