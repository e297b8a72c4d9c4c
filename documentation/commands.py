"""The commands on the site: every `bash` fence is run by a test, or says why it is not.

Words after the language tell the test what to do; readers do not see them:

    ```bash data-skip="needs a GPU"     not run, for this reason
    ```bash data-add="--epochs 1"       added to each `cipa` command, so that it takes seconds

A comment `<!-- before: COMMAND -->` is run as well and shown to nobody: it makes what the reader has at hand.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^( *)```(\w+)([^\n]*)\n(.*?)^\1```$|^<!-- before: (.*?) -->$", re.MULTILINE | re.DOTALL)
_OPTION = re.compile(r'data-(\w+)="([^"]*)"')

PAGE = """# Commands that no test runs

Every other command on this site is run by `tests/documentation/test_commands.py`, at a small size where that
makes no difference to what the command means.

| page | command | why not |
|---|---|---|
"""


@dataclass(frozen=True)
class Command:
    """One command of a page.

    Attributes:
        page: its file below the folder of the pages.
        line: as it is shown, continued lines joined.
        skip: why no test runs it; empty of one that is run.
        add: what a test adds to it.
    """

    page: str
    line: str
    skip: str = ""
    add: str = ""

    @property
    def words(self) -> list[str]:
        """The command as it is run, split as a shell does."""
        return shlex.split(f"{self.line} {self.add}", comments=True)


def commands_of(page: Path, docs: Path) -> list[Command]:
    """Return the commands of a page in their order, hidden ones included."""
    name = page.relative_to(docs).as_posix() if page.is_relative_to(docs) else page.name
    found = []
    for match in _FENCE.finditer(page.read_text(encoding="utf-8")):
        _, language, options, body, hidden = match.groups()
        if hidden is not None:
            found.append(Command(name, hidden))
        elif language == "bash":
            settings = dict(_OPTION.findall(options))
            lines = body.replace("\\\n", " ").splitlines()
            told = (settings.get("skip", ""), settings.get("add", ""))
            found += [Command(name, " ".join(line.split()), *told) for line in lines if _says_something(line)]
    return found


def pages(docs: Path) -> list[Path]:
    """Return the pages that hold commands."""
    return [page for page in sorted(docs.rglob("*.md")) if commands_of(page, docs)]


def commands_page(docs: Path) -> str:
    """Return the page that lists what is not run, with the reasons."""
    skipped = [one for page in pages(docs) for one in commands_of(page, docs) if one.skip]
    rows = (f"| {one.page} | `{one.line.replace('|', chr(92) + '|')}` | {one.skip} |" for one in skipped)
    return PAGE + "\n".join(rows) + "\n"


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.strip().startswith("#")
