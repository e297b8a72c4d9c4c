"""The site builds strictly, needs no network, and holds every verb, option and public name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from documentation.api_pages import ROOMS, api_pages, public_names
from documentation.cli_pages import cli_page, parser_of
from documentation.hooks import on_page_markdown
from documentation.links import Page, faults

from cipa.cli.main import VERBS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("verb", VERBS)
def test_the_reference_has_every_option_of_a_verb(verb):
    part = cli_page().split(f"## `cipa {verb}`")[1].split("\n## ")[0]
    for action in parser_of(verb)._actions:
        assert (action.option_strings or [action.metavar or action.dest])[-1] in part


def test_every_room_and_public_name_has_a_page():
    pages = api_pages()
    assert {f"{room}.md" for room in ROOMS} < set(pages)
    for name, home in public_names().items():
        assert f"[`{name}`][{home}]" in pages["index.md"]


def test_pages_that_are_absent_leave_the_navigation():
    pytest.importorskip("mkdocs")
    from documentation.hooks import without_pages

    nav = [{"Home": "index.md"}, {"How-to": ["a.md", {"B": "b.md"}, {"C": "c.md"}]}]
    assert without_pages(nav, {"b.md"}) == [{"Home": "index.md"}, {"How-to": ["a.md", {"C": "c.md"}]}]


def site(folder, **pages):
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>")
    return folder


def test_links_that_lead_somewhere_are_no_faults(tmp_path):
    body = (
        '<h2 id="top">A</h2><a href="#top">up</a><a href="other.html#end">on</a><a href="https://a.b">out</a>'
    )
    assert list(faults(site(tmp_path, one=body, other='<p id="end"></p>'))) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone.html">x</a>', "one.html: gone.html leads nowhere"),
        ('<a href="#gone">x</a>', "one.html: #gone leads nowhere"),
        ('<img src="gone.png">', "one.html: gone.png leads nowhere"),
        ('<script src="https://cdn.example/a.js"></script>', "one.html: loads https://cdn.example/a.js"),
    ],
)
def test_what_leads_nowhere_or_is_loaded_from_elsewhere_is_named(tmp_path, body, fault):
    assert list(faults(site(tmp_path, one=body))) == [fault]


def test_what_tests_read_off_a_block_is_not_on_the_site():
    page = '```bash data-skip="no `x` here" data-add="--y 1"\ncipa\n```\n\n    ```bash data-add="z"\n'
    assert on_page_markdown(page) == "```bash\ncipa\n```\n\n    ```bash\n"


@pytest.mark.slow
def test_the_site_builds_without_a_warning_a_broken_link_or_a_missing_name(tmp_path):
    pytest.importorskip("mkdocstrings")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "NO_MKDOCS_2_WARNING": "1"}
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert list(faults(tmp_path)) == []
    assert [page.name for page in tmp_path.rglob("*.html") if "```" in page.read_text("utf-8")] == []
    anchors = set[str]()
    for page in (tmp_path / "reference" / "api").glob("*.html"):
        anchors |= Page(page).anchors
    assert set(public_names().values()) <= anchors
