import json
import subprocess
import sys

from cipa.cli.main import main
from cipa.models.catalogue import CATALOGUE
from cipa.models.cost import Cost


def test_the_table_has_a_row_a_network_and_fits_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for name, entry in CATALOGUE.items():
        row = next(line for line in lines if line.startswith(f"{name} "))
        assert f"{entry.parameters / 1e6:.2f} M" in row
        assert entry.arxiv in row


def test_json_says_everything_and_needs_no_torch():
    code = "import sys; from cipa.cli.main import main; main(['models', '--json']);"
    code += "assert 'torch' not in sys.modules"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    facts = json.loads(printed)
    assert facts["image_size"] == 512
    assert [model["name"] for model in facts["models"]] == list(CATALOGUE)
    assert facts["models"][0]["licence"] == "Apache-2.0"


def test_another_image_size_is_counted_anew(capsys, monkeypatch):
    monkeypatch.setattr("cipa.models.cost.count", lambda name, size: Cost(len(name), float(size)))
    assert main(["models", "--json", "--image-size", "256"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["image_size"] == 256
    assert [model["parameters"] for model in facts["models"]] == [len(name) for name in CATALOGUE]
    assert {model["gflop"] for model in facts["models"]} == {256.0}


def test_where_monai_is_missing_it_says_so(capsys, monkeypatch):
    monkeypatch.setattr("cipa.cli.models._is_installed", lambda _: False)
    main(["models"])
    assert "MONAI is not installed: pip install 'cipa[baselines]'" in capsys.readouterr().out


def test_an_impossible_image_size_is_one_line(capsys):
    assert main(["models", "--image-size", "100"]) == 2
    assert "image_size 100: must be a multiple of 128" in capsys.readouterr().err
