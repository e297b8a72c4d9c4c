"""What is installed is whole: the wheel holds its data, and is the same whenever it is built."""

import hashlib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src"
DATA = {
    "cipa/py.typed",
    "cipa/models/bundled/nano/model.safetensors",
    "cipa/models/bundled/nano/config.json",
    "cipa/report/templates/study.html.j2",
    "cipa/ops/scan/cuda/forward.cu",
}


def build(folder, monkeypatch):
    """Build the wheel in this process, and return its path."""
    builders = pytest.importorskip("hatchling.builders.wheel")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    (path,) = builders.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return Path(path)


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    return build(tmp_path / "first", monkeypatch)


def test_a_wheel_holds_every_file_of_the_sources_and_no_other(wheel):
    expected = {
        path.relative_to(SOURCES).as_posix()
        for path in (SOURCES / "cipa").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".nbi", ".nbc")
    }
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found == expected
    assert found >= DATA


def test_a_wheel_built_again_is_the_same_to_the_bit(wheel, tmp_path, monkeypatch):
    again = build(tmp_path / "second", monkeypatch)
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (wheel, again)}
    assert len(digests) == 1
