"""What MkDocs calls while it builds the site (`hooks` in mkdocs.yml)."""

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from documentation.api_pages import api_pages  # noqa: E402
from documentation.cli_pages import cli_page  # noqa: E402
from documentation.commands import commands_page  # noqa: E402
from documentation.tutorials import tutorial_pages  # noqa: E402

_OPTIONS = re.compile(r'^( *```\w+)(?: data-\w+="[^"\n]*")+ *$', re.MULTILINE)


def on_config(config: Any, **_: Any) -> Any:
    """Leave optional pages that are not there out of the navigation."""
    docs = Path(config.docs_dir)
    absent = {page for page in config.extra.get("optional", ()) if not (docs / page).is_file()}
    config.nav = without_pages(config.nav, absent)
    return config


def without_pages(nav: list[Any], absent: set[str]) -> list[Any]:
    """Return a navigation as mkdocs.yml has it without some of its pages."""
    kept = []
    for item in nav:
        title, target = next(iter(item.items())) if isinstance(item, dict) else ("", item)
        if isinstance(target, list):
            kept.append({title: without_pages(target, absent)})
        elif target not in absent:
            kept.append(item)
    return kept


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the pages that are generated: from the parsers, the docstrings and the tutorials' scripts."""
    docs = Path(config.docs_dir)
    pages = {"reference/cli.md": cli_page(), "reference/commands.md": commands_page(docs)}
    pages |= {f"reference/api/{name}": text for name, text in api_pages().items()}
    pages |= {f"tutorials/{name}": text for name, text in tutorial_pages(docs / "tutorials").items()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Take what the tests read off the first line of each block: a fence with options is none to the site."""
    return _OPTIONS.sub(r"\1", markdown)
