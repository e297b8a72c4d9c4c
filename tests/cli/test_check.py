import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from cipa.cli.main import main


@pytest.fixture
def data(tmp_path):
    """Five slices of one patient to train on and one to test on, 128 x 128."""
    root = tmp_path / "set"
    pixels = np.zeros((128, 128), np.uint8)
    pixels[:5, :5] = 255
    ids = [f"0001_{number}" for number in range(5)]
    for slice_id in [*ids, "0002_1"]:
        folder = root / slice_id[:4]
        folder.mkdir(parents=True, exist_ok=True)
        for image in ("CT", "PET", "mask"):
            Image.fromarray(pixels).save(folder / f"{slice_id}_{image}.png")
    (root / "train.txt").write_text("\n".join(ids))
    (root / "test.txt").write_text("0002_1\n")
    return root


def test_a_whole_data_set_passes(data, capsys):
    assert main(["check", str(data)]) == 0
    printed = capsys.readouterr()
    assert "Ready to train and test on" in printed.out
    assert "128 x 128" in printed.out
    assert printed.err == ""


def test_errors_are_counted_shown_and_fail(data, capsys):
    for number in range(4):
        (data / "0001" / f"0001_{number}_PET.png").unlink()
    assert main(["check", str(data), "--show", "2"]) == 1
    printed = capsys.readouterr().out
    assert "missing file" in printed
    assert "0001_1_PET.png" in printed
    assert "0001_2_PET.png" not in printed
    assert "and 2 more" in printed
    assert "Not ready: 4 errors" in printed


def test_warnings_alone_pass(data, capsys):
    (data / "train.txt").write_text("0001_0")
    assert main(["check", str(data)]) == 0
    assert "4 warnings" in capsys.readouterr().out


def test_a_name_with_brackets_is_printed_as_it_is(data, capsys):
    (data / "train.txt").write_text("0001_0\nodd[red]name\n")
    assert main(["check", str(data)]) == 1
    assert "odd[red]name" in capsys.readouterr().out


def test_json_names_every_problem(data, capsys):
    for number in range(4):
        (data / "0001" / f"0001_{number}_PET.png").unlink()
    assert main(["check", str(data), "--json", "--show", "1"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["counts"] == {"missing file": 4}
    assert [finding["where"] for finding in report["findings"]] == [
        f"0001/0001_{number}_PET.png" for number in range(4)
    ]
    assert report["splits"]["test"] == {
        "patients": 1,
        "slices": 1,
        "tumour_area_px": {"min": 25, "median": 25, "max": 25},
    }


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--show", "-1"], 2, "--show -1"),
        (["--image-size", "0"], 2, "--image-size 0"),
        (["--workers", "x"], 2, "workers"),
    ],
)
def test_wrong_options_are_one_line(data, capsys, options, code, message):
    assert main(["check", str(data), *options]) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_folder_that_is_no_data_set_is_one_line(tmp_path, capsys):
    assert main(["check", str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.startswith(f"cipa: {tmp_path / 'nowhere'}: no such folder")


def test_checking_does_not_load_torch(data):
    code = "import sys; from cipa.cli.main import main; main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    command = [sys.executable, "-c", code, "check", str(data)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
