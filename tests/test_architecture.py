"""The page that shows a newcomer the rooms names them all, and no file that is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "cipa"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PICTURE = (ROOT / "docs" / "images" / "architecture.svg").read_text()
ROOMS = sorted(
    path.relative_to(SOURCES).as_posix()
    for path in SOURCES.rglob("*")
    if path.is_dir() and path.name != "__pycache__" and any(file.is_file() for file in path.iterdir())
)


@pytest.mark.parametrize("text", [PAGE, PICTURE], ids=["page", "picture"])
@pytest.mark.parametrize("room", ROOMS)
def test_every_folder_of_the_sources_is_named(room, text):
    assert re.search(rf"\b{re.escape(room)}\b", text)


@pytest.mark.parametrize("module", sorted(path.stem for path in SOURCES.glob("[!_]*.py")))
def test_every_general_module_is_in_the_picture(module):
    assert re.search(rf"\b{module}\b", PICTURE)


def test_every_file_the_page_names_is_there():
    for cell in re.findall(r"^\| [\w]+ \| ([^|]+) \|", PAGE, re.MULTILINE):
        folder = None
        for name in re.findall(r"`([\w/]+\.py)`", cell):
            folder = (SOURCES / name).parent if "/" in name else folder
            assert folder is not None
            assert (folder / Path(name).name).is_file(), name


def test_every_file_the_exercises_change_is_there():
    page = (ROOT / "docs" / "exercises.md").read_text()
    named = set(re.findall(r"^\| `((?:src|tests|benchmarks|docs)/[\w/.]+)`", page, re.MULTILINE))
    assert len(named) > 10
    assert {name for name in named if "add_scaled" not in name and not (ROOT / name).is_file()} == set()
