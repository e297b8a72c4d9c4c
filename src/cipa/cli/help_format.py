"""How `--help` looks: short usage, options in groups, defaults said once, examples as they are typed."""

import argparse
import shutil
import textwrap
from collections.abc import Iterable

WIDEST, COLUMN = 100, 27
"""Columns of the widest text, and where the explanations begin."""


class HelpFormatter(argparse.HelpFormatter):
    """argparse's formatter with paragraphs, one metavar an option, and the default of each option."""

    def __init__(self, prog: str) -> None:
        width = max(40, min(WIDEST, shutil.get_terminal_size().columns) - 1)
        super().__init__(prog, max_help_position=min(COLUMN, width // 2), width=width)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """Return `-o, --out OUT` where argparse repeats the metavar after each name."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        names = ", ".join(action.option_strings)
        return f"{names} {self._format_args(action, action.dest.upper())}"

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        unsaid = action.default is None or action.default is False or action.default == argparse.SUPPRESS
        if unsaid or "default" in text or not action.option_strings:
            return text
        return f"{text} (default: {format_default(action.default).replace('%', '%%')})"

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Wrap paragraphs; those that are indented are commands and stay as they are."""
        paragraphs = (part.strip("\n") for part in text.split("\n\n"))
        return "\n\n".join(
            part
            if part.startswith("  ")
            else textwrap.fill(" ".join(part.split()), width, initial_indent=indent)
            for part in paragraphs
        )


def format_default(value: object) -> str:
    """Return a default as one would type it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return " ".join(map(format_default, value))
    return str(value)
