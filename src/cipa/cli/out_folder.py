"""The folder that a verb without input writes: `-o OUT` as everywhere, or OUT alone."""

from argparse import Namespace
from collections.abc import Callable
from typing import Any

from cipa.errors import UsageError


def add_out_folder(add: Callable[..., Any], explanation: str) -> None:
    """Declare the folder as an option and as an argument.

    Args:
        add: `add_argument` of the parser or of a group.
        explanation: what `--help` says of it.
    """
    add("-o", "--out", metavar="OUT", help=explanation)
    add("out_alone", nargs="?", metavar="OUT", help="the same, without -o")


def settle_out_folder(arguments: Namespace, default: str | None = None) -> str:
    """Return the folder that was given either way.

    Args:
        arguments: parsed, with what `add_out_folder` declared.
        default: the folder where neither is given.

    Raises:
        UsageError: none is given and there is no default, or two are.
    """
    given = [folder for folder in (arguments.out, arguments.out_alone) if folder is not None]
    if len(given) > 1:
        raise UsageError(f"-o {given[0]} and {given[1]}: give one folder to write")
    if given:
        return str(given[0])
    if default is None:
        raise UsageError("no folder to write: give -o OUT")
    return default
