"""The command line reference, written from the parsers that `cipa VERB --help` prints."""

import argparse
import inspect
from collections.abc import Iterator
from importlib import import_module

from cipa.cli.help_format import format_default
from cipa.cli.main import VERBS
from cipa.cli.parser import Parser

GENERAL = """# Command line

    cipa [--debug] VERB [options]

{verbs}

Every verb takes `-h` or `--help`, which prints what stands here, and `--debug`, which shows the traceback of
an error. `cipa --version` prints the version. Options are spelled in full. `cipa VERB -o OUT` never writes
into a folder that holds something else, and a folder of results appears only when it is complete.

Exit codes: 0 done; 1 something is wrong with the data, the disk, the memory or the program; 2 with the
command; 130 Ctrl-C, 129 SIGHUP, 143 SIGTERM, 141 a reader such as `head` that has gone.

"""


def parser_of(verb: str) -> Parser:
    """Return the parser that `cipa VERB` uses."""
    module = import_module(f"cipa.cli.{verb.replace('-', '_')}")
    parser = Parser(prog=f"cipa {verb}", description=module.__doc__)
    module.add_arguments(parser)
    return parser


def cli_page() -> str:
    """Return the page of all verbs as Markdown."""
    verbs = "\n".join(f"- [`cipa {verb}`](#cipa-{verb}): {line}" for verb, line in VERBS.items())
    return GENERAL.format(verbs=verbs) + "\n\n".join("\n".join(_verb(verb)) for verb in VERBS) + "\n"


def _verb(verb: str) -> Iterator[str]:
    parser = parser_of(verb)
    yield f"## `cipa {verb}` {{#cipa-{verb}}}\n"
    yield "```text"
    yield (parser.usage or "%(prog)s [options]") % {"prog": parser.prog}
    yield "```\n"
    yield inspect.cleandoc(parser.description or "") + "\n"
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if action.help != argparse.SUPPRESS]
        if actions:
            title = group.title or ""
            yield f"**{title[:1].upper()}{title[1:]}**\n"
            yield "| option | meaning |\n|---|---|"
            yield from (_row(parser, action) for action in actions)
            yield ""
    if parser.epilog:
        yield "Examples:\n"
        yield "```text"
        yield from (line.strip() for line in parser.epilog.splitlines()[1:] if line.strip())
        yield "```"


def _row(parser: Parser, action: argparse.Action) -> str:
    formatter = parser._get_formatter()
    name = formatter._format_action_invocation(action)
    text = (formatter._expand_help(action) if action.help else "").replace("|", "\\|")
    if isinstance(action.default, tuple | list) and "default" not in text and action.default:
        text += f" (default: {format_default(action.default)})"
    return f"| `{name.replace('|', chr(92) + '|')}` | {text} |"
