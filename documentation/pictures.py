"""Draws the pictures of the site and the README again, from what the program writes today.

    python -m documentation.pictures           all of them; minutes on two cores
    python -m documentation.pictures report    one

A picture of a page needs Chromium or Chrome, which is found by its usual names.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from cipa.cli.main import main as cipa
from documentation.network_figure import OUT as NETWORK
from documentation.network_figure import figure

IMAGES = Path(__file__).parents[1] / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PAGE_WIDTH, PAGE_HEIGHT = 1100, 1500
"""Pixels of a page that are pictured."""


def draw_report(folder: Path) -> None:
    """Picture the report of the demo's phantom study."""
    run("demo", "-o", str(folder / "demo"))
    photograph(folder / "demo" / "result" / "report.html", IMAGES / "report.png")


def draw_demo(folder: Path) -> None:
    """Picture slices of middling score from the demo's short training."""
    run("demo", "--train", "-o", str(folder / "trained"))
    shutil.copy(folder / "trained" / "test" / "panels" / "median.png", IMAGES / "demo.png")


def draw_phantom(folder: Path) -> None:
    """Picture slices of phantom patients."""
    preview = str(IMAGES / "phantom.png")
    run("phantom", "-o", str(folder / "phantom"), "--patients", "4", "--preview", preview)


def draw_network(folder: Path) -> None:
    """Draw the figure of the network."""
    NETWORK.write_text(figure(), encoding="utf-8")


PICTURES: dict[str, Callable[[Path], None]] = {
    "report": draw_report,
    "demo": draw_demo,
    "phantom": draw_phantom,
    "network": draw_network,
}


def run(*words: str) -> None:
    """Run a verb of cipa; stop where it fails."""
    if cipa(words):
        sys.exit(f"cipa {' '.join(words)}: failed")


def photograph(page: Path, picture: Path) -> None:
    """Picture the top of an HTML page as a browser shows it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"none of {', '.join(BROWSERS)} is installed: install one to picture {page.name}")
    size = f"--window-size={PAGE_WIDTH},{PAGE_HEIGHT}"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size]
    subprocess.run(
        [browser, *options, f"--screenshot={picture.resolve()}", page.resolve().as_uri()],
        check=True,
        capture_output=True,
        timeout=300,
    )
    with Image.open(picture) as image:
        image.convert("RGB").save(picture, optimize=True)


def main(names: list[str]) -> None:
    """Draw the pictures named, or all."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names or list(PICTURES):
            PICTURES[name](Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
