"""jsonargparse's parser with this project's manners: a wrong option is one line and exit code 2."""

import re
from collections.abc import Sequence
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from cipa.errors import UsageError

_WRONG_TYPE = re.compile(
    r'Parser key "(?P<key>[^"]+)":.*?Expected an? (?P<type>.+?)\. Got value: (?P<value>.*)$'
)
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "tuple": "a list, such as [1,2]",
}


class Parser(ArgumentParser):
    """A jsonargparse parser that raises `UsageError` where the library prints its usage text and exits."""

    def parse_words(self, words: Sequence[str]) -> Namespace:
        """Parse a command line; `--image-size` and `--image_size` are the same option.

        Raises:
            UsageError: an option is unknown or its value impossible.
        """
        return self.parse_args([self._spelled_as_declared(word) for word in words])

    def _spelled_as_declared(self, word: str) -> str:
        name, equals, value = word.partition("=")
        if name.startswith("--") and name not in self._option_string_actions:
            body = name.removeprefix("--")
            for other in (body.replace("-", "_"), body.replace("_", "-")):
                if f"--{other}" in self._option_string_actions:
                    return f"--{other}{equals}{value}"
        return word

    def error(self, message: str, ex: Exception | None = None) -> Any:
        """Raise `UsageError` with `message` folded into one line that names option, value and choices."""
        line = " ".join(part.strip() for part in str(message).splitlines() if part.strip())
        raise UsageError(f"{_plain(line)} (see {self.prog} --help)") from ex


def _plain(line: str) -> str:
    """Say in a user's words what jsonargparse says in Python's types; other messages pass as they are."""
    found = _WRONG_TYPE.search(line)
    if not found:
        return line
    return f"--{found['key']} {found['value']} is not possible: it must be {_kind(found['type'])}"


def _kind(python_type: str) -> str:
    choices = re.fullmatch(r"(?:typing\.)?Literal\[(.*)\]", python_type)
    if choices:
        return "one of " + choices[1].replace("'", "")
    name = re.sub(r"<class '(\w+)'>", r"\1", python_type)
    return _KINDS.get(name, name)
