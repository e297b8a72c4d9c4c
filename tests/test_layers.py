"""Who may import whom: no circles, one direction, and what a newcomer is owed of every function."""

from pathlib import Path

import pytest
from benchmarks.measures import find_circles, read_modules
from importlinter import cli

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def modules():
    return read_modules(ROOT / "src")


def test_no_modules_import_one_another(modules):
    assert find_circles(modules) == []


def test_data_flows_one_way(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    code = cli.lint_imports(str(ROOT / "pyproject.toml"), no_cache=True)
    assert code == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_every_public_function_is_documented(modules):
    bare = [
        f"{module.path}: {function.name}"
        for module in modules.values()
        for function in module.functions
        if function.public and not function.documented
    ]
    assert bare == []


@pytest.mark.parametrize(
    "statement",
    ["import {}", "from {} import value", "if TYPE_CHECKING:\n    import {}", "def use():\n    import {}"],
)
def test_a_circle_is_found_however_its_imports_are_hidden(tmp_path, statement):
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / f"{name}.py").write_text(statement.format(other) + "\n")
    (tmp_path / "d.py").write_text("import a\n")
    assert find_circles(read_modules(tmp_path)) == [["a", "b", "c"]]


def test_a_name_of_a_package_is_no_import_of_its_siblings(tmp_path):
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "__init__.py").write_text("from room.a import value\n")
    (tmp_path / "room" / "a.py").write_text("import room.b\n")
    (tmp_path / "room" / "b.py").write_text("from room import a\n")
    assert find_circles(read_modules(tmp_path)) == [["room.a", "room.b"]]
