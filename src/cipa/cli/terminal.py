"""Lines for people on standard error, with a coloured head where a terminal shows them."""

import os
import shutil
import sys
import textwrap
from typing import Protocol

from cipa.text import printable

RED, YELLOW, GREEN = "31", "33", "32"
"""Codes of ANSI X3.64's colours."""


class Terminal(Protocol):
    """A stream that may be a terminal: one of the interpreter's own, or `cipa.streams`' in its place."""

    def isatty(self) -> bool:
        """Tell whether a person looks at it."""


def paint(text: str, colour: str, stream: Terminal) -> str:
    """Return `text` in bold colour where `stream` is a terminal that takes it and NO_COLOR is not set."""
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[1;{colour}m{text}\x1b[0m"


def warn(line: str) -> None:
    """Print a warning: something a reader must know, and nothing that keeps the result from being written."""
    line = printable(line)
    print(_fold(f"cipa: {paint('warning:', YELLOW, sys.stderr)} {line}", sys.stderr), file=sys.stderr)


def print_error(line: str) -> None:
    """Print what went wrong."""
    line = printable(line)
    print(_fold(f"{paint('cipa:', RED, sys.stderr)} {line}", sys.stderr), file=sys.stderr)


def _fold(line: str, stream: Terminal) -> str:
    """Break a line between words where a terminal would break it within one; a log keeps it whole."""
    if not stream.isatty():
        return line
    width = shutil.get_terminal_size().columns
    return textwrap.fill(line, max(20, width), break_long_words=False, break_on_hyphens=False)
