"""argparse with this project's manners: a mistake is one line that names option, value and way out.

Options are spelled in full, with dashes (underscores are taken too); a word that is almost one is answered
with the right spelling.
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from typing import NoReturn

from cipa.cli.help_format import HelpFormatter
from cipa.errors import UsageError
from cipa.suggest import suggestion

_KINDS = {
    "frame_numbers": "two numbers with a dash between them, such as 3-8",
    "int": "a whole number",
    "float": "a number",
    "Path": "a path",
}
_VALUE = re.compile(r"(?:choice|value): '?(.*?)'?(?: \(choose from .*)?$", re.DOTALL)
"""The value in argparse's messages."""

_NEGATIVE_NUMBER = re.compile(r"^-(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` where argparse prints its usage text and exits."""

    def __init__(self, prog: str, description: str | None = None) -> None:
        """Make a parser of one verb.

        Args:
            prog: `cipa VERB`.
            description: paragraphs that `--help` shows; indented ones are kept as they are.
        """
        super().__init__(
            prog=prog,
            description=description,
            formatter_class=HelpFormatter,
            add_help=False,
            allow_abbrev=False,
            exit_on_error=False,
        )
        self._negative_number_matcher = _NEGATIVE_NUMBER  # argparse's own takes -1e3 for an option

    def explain(self, usage: str, examples: str) -> None:
        """Set what `--help` shows first and last.

        Args:
            usage: the words after `cipa VERB` without which nothing is done.
            examples: commands, one a line, without the indentation they are shown with.
        """
        self.usage = f"%(prog)s {usage} [options]".replace("  ", " ")
        lines = (f"  {line}" for line in examples.strip().splitlines())
        self.epilog = "examples:\n\n" + "\n".join(lines)

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse a command line.

        Raises:
            UsageError: an option is unknown or its value impossible, or something required is missing.
        """
        general = self.add_argument_group("general")
        general.add_argument("-h", "--help", action="help", help="print this and do nothing")
        general.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=_DEBUG)
        try:
            arguments, unknown = self.parse_known_args([self._with_dashes(word) for word in words])
        except argparse.ArgumentError as error:
            # From 3.13 on, what is missing is raised too, as an error of no option.
            self.error(error.message if error.argument_name is None else self._say(error))
        if unknown:
            self.error(self._say_unknown(unknown[0]))
        return arguments

    def _with_dashes(self, word: str) -> str:
        """Spell an option as it is declared: scripts of old have `--image_size` for `--image-size`."""
        name, equals, value = word.partition("=")
        dashed = "--" + name[2:].replace("_", "-")
        is_old = name.startswith("--") and name not in self._option_string_actions
        return dashed + equals + value if is_old and dashed in self._option_string_actions else word

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` with `message` in one line."""
        missing = re.fullmatch(r"the following arguments are required: (.*)", message)
        if missing:
            message = f"{' and '.join(self._say_missing(missing[1]))} is missing"
        raise UsageError(f"{message} (see {self.prog} --help)")

    def _say(self, error: argparse.ArgumentError) -> str:
        """Say what argparse found wrong with the value of an option."""
        action = next((one for one in self._actions if _name(one) == error.argument_name), None)
        value = _VALUE.search(error.message)
        name = _title(action) if action else error.argument_name
        if action is None or value is None:
            return f"{name}: {error.message}"
        if action.choices is not None:
            choices = [str(choice) for choice in action.choices]
            guess = suggestion(value[1], choices)
            return f"{name} {value[1]} is not possible: it must be one of {', '.join(choices)}{guess}"
        kind = _KINDS.get(getattr(action.type, "__name__", ""), "something else")
        return f"{name} {value[1]} is not possible: it must be {kind}"

    def _say_missing(self, names: str) -> Iterator[str]:
        by_name = {_name(action): action for action in self._actions}
        for name in names.split(", "):
            action = by_name.get(name)
            yield name if action is None else _title(action, with_value=True)

    def _say_unknown(self, word: str) -> str:
        name = word.partition("=")[0]
        if name.startswith("-"):
            return f"{name}: no such option{suggestion(name, self._option_string_actions)}"
        if "--out" in self._option_string_actions:
            return f"{word}: one word too many; the output is named by -o"
        return f"{word}: one word too many"


_DEBUG = "show the traceback of an error"


def _name(action: argparse.Action) -> str | None:
    """Return what argparse calls an option in its messages."""
    if action.option_strings:
        return "/".join(action.option_strings)
    metavar = action.metavar if isinstance(action.metavar, str) else None
    return metavar or action.dest


def _title(action: argparse.Action, with_value: bool = False) -> str:
    """Return what a person calls an option: its long name, `-o OUT` of an output."""
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        return metavar
    name = action.option_strings[0 if with_value else -1]
    return f"{name} {metavar}" if with_value else name
