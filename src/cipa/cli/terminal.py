"""Lines for people on standard error, with a coloured head where a terminal shows them."""

import os
import sys
from typing import TextIO

RED, YELLOW, GREEN = "31", "33", "32"
"""Codes of ANSI X3.64's colours."""


def paint(text: str, colour: str, stream: TextIO) -> str:
    """Return `text` in bold colour where `stream` is a terminal that takes it and NO_COLOR is not set."""
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[1;{colour}m{text}\x1b[0m"


def warn(line: str) -> None:
    """Print a warning: something a reader must know, and nothing that keeps the result from being written."""
    print(f"cipa: {paint('warning:', YELLOW, sys.stderr)} {line}", file=sys.stderr)


def complain(line: str) -> None:
    """Print what went wrong."""
    print(f"{paint('cipa:', RED, sys.stderr)} {line}", file=sys.stderr)
