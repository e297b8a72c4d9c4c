"""What MkDocs calls while it builds the site (`hooks` in mkdocs.yml)."""

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


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the pages that are generated: from the parsers, the docstrings and the tutorials' scripts."""
    docs = Path(config.docs_dir)
    pages = {"reference/cli.md": cli_page(), "reference/commands.md": commands_page(docs)}
    pages |= {f"reference/api/{name}": text for name, text in api_pages().items()}
    pages |= {f"tutorials/{name}": text for name, text in tutorial_pages(docs / "tutorials").items()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files
