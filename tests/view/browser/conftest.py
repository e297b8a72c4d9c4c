"""A small study with a hot ball, served to a real browser that draws without a graphics card."""

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from browser_study import make_result

CHROMIUM = next(
    (path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None
)
FLAGS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox", "--disable-dev-shm-usage"]
SIZE = {"width": 1440, "height": 900}
PATIENCE = 120_000
"""Milliseconds: machines of continuous integration are busy."""


@pytest.fixture(scope="session")
def browser():
    """Chromium of the system, without a screen and a graphics card."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Served:
    """A result that is served.

    Attributes:
        folder: of the result.
        address: with the token.
        workbench: what the server serves.
        stop: ends the server.
    """

    folder: Path
    address: str
    workbench: object
    stop: object


@pytest.fixture
def serve(tmp_path):
    """Return a function that serves a folder of results; all servers end with the test."""
    pytest.importorskip("uvicorn", reason="the extra `view` is not installed")
    ends = []

    def begin(results: Path, study: Path) -> Served:
        served = start_server(results, study)
        ends.append(served.stop)
        return served

    yield begin
    for end in ends:
        end()


@pytest.fixture
def served(tmp_path, serve):
    """One result of one study, whose network found the hot ball."""
    result = make_result(tmp_path / "study", tmp_path / "result")
    return serve(result, tmp_path / "study")


def start_server(results: Path, study: Path) -> Served:
    """Serve in a thread, at a free port."""
    import uvicorn

    from cipa.view import serve as module
    from cipa.view.studies import StudyFinder
    from cipa.view.workbench import Workbench

    found, servers = threading.Event(), []
    address = []

    class Kept(uvicorn.Server):
        """A server that the test can end."""

        def __init__(self, config):
            super().__init__(config)
            servers.append(self)

    def ready(text):
        address.append(text)
        found.set()

    workbench = Workbench(results, StudyFinder(study))
    original = module.uvicorn.Server
    module.uvicorn.Server = Kept
    thread = threading.Thread(target=module.serve, args=(workbench, 0, ready), daemon=True)
    thread.start()
    assert found.wait(60)
    module.uvicorn.Server = original

    def stop():
        servers[0].should_exit = True
        thread.join(60)

    return Served(results, address[0], workbench, stop)


@pytest.fixture
def visit(browser):
    """Return a function that opens a page and waits until it shows the planes; pages close with the test."""
    contexts = []

    def go(address, *, wait="body[data-ready]", script=None, **options):
        context = browser.new_context(viewport=SIZE, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.failures = []
        page.on("pageerror", lambda error: page.failures.append(str(error)))
        if script:
            page.add_init_script(script)
        page.goto(address)
        if wait:
            page.wait_for_selector(wait)
        return page

    yield go
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def modules(browser):
    """Return a function that calls an exported function of the page's modules with JSON arguments."""
    from cipa.view.app import PAGE

    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)

    def answer(route):
        name = route.request.url.rsplit("/", 1)[1]
        if name == "blank.html":
            route.fulfill(content_type="text/html", body="<!doctype html>")
        else:
            route.fulfill(content_type="text/javascript", path=PAGE / name)

    page.route("http://page.test/**", answer)
    page.goto("http://page.test/assets/blank.html")

    def call(script, *arguments):
        return page.evaluate(script, list(arguments))

    yield call
    context.close()


def as_labels(data: np.ndarray) -> list[int]:
    """Return labels (x, y, z) in the page's order."""
    return data.ravel(order="F").tolist()
