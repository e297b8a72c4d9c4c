import json

import pytest

from cipa.cli import demo
from cipa.cli.main import main


@pytest.fixture
def small(monkeypatch):
    """Shrink the demo to what a test can wait for; the steps stay the same."""
    monkeypatch.setattr(demo, "PATIENTS", 4)
    monkeypatch.setattr(demo, "SLICES", (2, 3))
    monkeypatch.setattr(demo, "BATCH", 4)


@pytest.mark.slow
def test_the_demo_goes_from_nothing_to_scores_and_pictures(small, tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", "-o", str(out), "--epochs", "2"]) == 0
    shown = capsys.readouterr().out
    assert "PET above SUV 2.5" in shown
    assert "CIPA nano" in shown
    for name in (
        "test/panels/median.png",
        "test/panels/worst.png",
        "training/curves.png",
        "test/per_patient.csv",
    ):
        assert (out / name).stat().st_size > 0
        assert f"{out}/{name}" in shown
    assert json.loads((out / "demo.json").read_text())["epochs"] == 2
    lists = {split: (out / "data" / f"{split}.txt").read_text().split() for split in ("train", "test")}
    patients = {split: {name.split("_")[0] for name in names} for split, names in lists.items()}
    assert not patients["train"] & patients["test"]

    assert main(["demo", "-o", str(out), "--epochs", "1"]) == 0  # an earlier demo is replaced
    assert json.loads((out / "demo.json").read_text())["epochs"] == 1


def test_a_folder_that_is_no_demo_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("x")
    assert main(["demo", "-o", str(tmp_path)]) == 2
    assert "no earlier demo" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
