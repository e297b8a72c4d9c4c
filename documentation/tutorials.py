"""Tutorials are Python scripts that run from top to bottom; their comments become the text of a page.

`# %% [markdown]` begins text, one comment a line; `# %%` begins code. Editors that know such scripts run them
cell by cell, and a test runs them whole.
"""

import re
from collections.abc import Iterator
from pathlib import Path

_CELL = re.compile(r"^# %%(.*)$", re.MULTILINE)


def tutorial_pages(folder: Path) -> dict[str, str]:
    """Return the Markdown of each tutorial in a folder, by the name of its page."""
    return {f"{path.stem}.md": tutorial_page(path) for path in sorted(folder.glob("*.py"))}


def tutorial_page(path: Path) -> str:
    """Return a script as Markdown: its text as it stands, its code in fences."""
    parts = _CELL.split(path.read_text(encoding="utf-8"))
    cells = zip(parts[1::2], parts[2::2], strict=True)
    return "\n\n".join([*_cells(cells), _footer(path)]) + "\n"


def _cells(cells: Iterator[tuple[str, str]]) -> Iterator[str]:
    for kind, body in cells:
        if "[markdown]" in kind:
            yield re.sub(r"^# ?", "", body.strip(), flags=re.MULTILINE)
        elif body.strip():
            yield f"```python\n{body.strip()}\n```"


def _footer(path: Path) -> str:
    return f"*This page is `docs/tutorials/{path.name}`; `python docs/tutorials/{path.name}` runs it.*"
