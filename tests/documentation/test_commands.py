"""Every command that the site shows is run, page by page, or says why it cannot be."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documentation.commands import commands_of, pages

from cipa.cli.main import VERBS, main
from page_supplies import Supplies

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*pages(DOCS), ROOT / "README.md"]
SERVERS = ("serve", "view")
"""Verbs that do not end by themselves."""

SHELL = re.compile(r"[|<>;&$`]")


def name_of(page):
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def supplies(tmp_path_factory):
    return Supplies(tmp_path_factory.mktemp("supplies"))


@pytest.fixture
def desk(supplies, tmp_path, monkeypatch):
    """An empty folder in which a page's commands run; what a command names is laid there before."""
    monkeypatch.chdir(tmp_path)

    def lay_out(words):
        for word in words:
            name = word.partition("/")[0]
            source = None if Path(name).exists() else supplies.path(name)
            if source is not None:
                copy = shutil.copytree if source.is_dir() else shutil.copy
                copy(source, name)

    return lay_out


def run(command):
    """Run a command: cipa's own verbs in this process, whose imports are done, all else by a shell."""
    if command.words[0] == "cipa" and not SHELL.search(command.line):
        code = main(command.words[1:])
    else:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        line = re.sub(r"(^|&& )cipa ", rf"\1{sys.executable} -m cipa ", f"{command.line} {command.add}")
        code = subprocess.run(["bash", "-c", line], env=environment, timeout=600).returncode
    assert code == 0, command.line


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_commands_of_a_page_run_in_their_order(page, desk):
    for command in commands_of(page, DOCS):
        if not command.skip:
            desk(command.words)
            run(command)


@pytest.mark.parametrize("page", [*sorted(DOCS.rglob("*.md")), ROOT / "README.md"], ids=name_of)
def test_no_command_stands_where_no_test_looks(page):
    """Indented blocks and fences of another language are for output and for what is no command."""
    shown = re.sub(r"```bash.*?```", "", page.read_text(), flags=re.DOTALL)
    starts = rf"^(?: {{4,}}|\$ |> )?(?:cipa (?:{'|'.join(VERBS)})\b|pip install|torchrun|python3? -m|make \w)"
    assert re.findall(starts, shown, re.MULTILINE) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_command_that_is_not_run_has_a_reason(page):
    for command in commands_of(page, DOCS):
        assert command.skip or not any(f"cipa {verb} " in f"{command.line} " for verb in SERVERS), command
        assert not command.skip or re.search(r"needs|takes|writes|installs|downloads", command.skip), command


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_of_commands_that_are_not_run_exist(page):
    """What no test runs is at least taken by the parser."""
    from documentation.cli_pages import parser_of

    for command in commands_of(page, DOCS):
        words = re.sub(r"^(torchrun|srun).*? -m cipa", "cipa", command.line).split("&&")[0]
        if command.skip and words.startswith("cipa ") and not SHELL.search(words):
            verb, *rest = shlex.split(words, comments=True)[1:]
            parser_of(verb).parse_words(rest)
