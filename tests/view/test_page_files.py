import re

import pytest

from cipa.view.app import PAGE

OWN = sorted(file for file in PAGE.iterdir() if not file.name.startswith("niivue"))


def test_the_page_with_its_bundle_is_small():
    assert sum(file.stat().st_size for file in PAGE.iterdir()) < 4e6


def test_the_bundle_stands_beside_its_licence():
    assert "BSD 2-Clause" in (PAGE / "niivue-LICENSE.txt").read_text()


@pytest.mark.parametrize("file", OWN, ids=lambda file: file.name)
def test_no_file_of_the_page_names_another_server(file):
    assert re.findall(r"\b(?:https?|wss?)://[^\s\"'`]+", file.read_text()) == []


@pytest.mark.parametrize("file", [file for file in OWN if file.suffix == ".js"], ids=lambda file: file.name)
def test_every_import_of_a_module_is_there(file):
    for name, source in re.findall(r"import (.+?) from \"\./([\w.-]+)\"", file.read_text()):
        exported = (PAGE / source).read_text()
        for one in re.findall(r"\w+", name.split(" as ")[0]):
            assert name.startswith("*") or re.search(rf"export .*\b{one}\b", exported), one


def test_every_button_has_an_action():
    actions = (PAGE / "actions.js").read_text()
    for name in re.findall(r'data-action="(\w+)"', (PAGE / "index.html").read_text()):
        assert re.search(rf'"{name}", \[', actions), name


def test_every_part_of_the_page_that_a_module_asks_for_is_there():
    page = (PAGE / "index.html").read_text()
    for file in OWN:
        for name in re.findall(r'getElementById\("([\w-]+)"\)', file.read_text()):
            assert f'id="{name}"' in page, (file.name, name)
