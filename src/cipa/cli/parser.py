"""jsonargparse's parser with this project's manners: a wrong option is one line and exit code 2."""

import re
from typing import Any

from jsonargparse import ArgumentParser

from cipa.errors import UsageError

_WRONG_TYPE = re.compile(
    r'Parser key "(?P<key>[^"]+)":.*?Expected an? (?P<type>.+?)\. Got value: (?P<value>.*)$'
)
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}


class Parser(ArgumentParser):
    """A jsonargparse parser that raises `UsageError` where the library prints its usage text and exits."""

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
