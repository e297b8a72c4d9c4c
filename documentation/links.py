"""Checks a built site: `python -m documentation.links site` names each link and anchor that leads nowhere.

Nothing outside the site may be loaded by a page either: it is read where there is no network.
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
"""What a browser fetches without being asked, by element."""

HARMLESS = ("canonical", "edit", "search", "next", "prev")
"""Relations of `link` that a browser does not fetch."""


class Page(HTMLParser):
    """Collects what a page refers to, what it loads, and the anchors it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of one element."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if values.get(LOADED.get(tag, "")) and values.get("rel") not in HARMLESS:
            self.loaded.append(values[LOADED[tag]])


def faults(site: Path) -> Iterator[str]:
    """Name every link to what is not in the site, and everything that is loaded from elsewhere.

    Args:
        site: folder of the built site.
    """
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        yield from (
            f"{name}: loads {one}" for one in page.loaded if urlsplit(one).scheme in ("http", "https")
        )
        if name.name == "404.html":  # its links begin at the root of the server
            continue
        for link in dict.fromkeys(page.links + page.loaded):
            if not _leads_somewhere(link, path, pages):
                yield f"{name}: {link} leads nowhere"


def _leads_somewhere(link: str, path: Path, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if parts.fragment and target in pages:
        return unquote(parts.fragment) in pages[target].anchors
    return target.is_file()


def main() -> int:
    """Check the site named on the command line."""
    found = list(faults(Path(sys.argv[1])))
    print("\n".join(found) or "every link leads somewhere", file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
