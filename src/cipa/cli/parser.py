"""jsonargparse's parser with this project's manners: a wrong option is one line and exit code 2."""

from typing import Any

from jsonargparse import ArgumentParser

from cipa.errors import UsageError


class Parser(ArgumentParser):
    """A jsonargparse parser that raises `UsageError` where the library prints its usage text and exits."""

    def error(self, message: str, ex: Exception | None = None) -> Any:
        """Raise `UsageError` with the first lines of `message` folded into one."""
        line = " ".join(part.strip() for part in str(message).splitlines() if part.strip())
        raise UsageError(f"{line} (see {self.prog} --help)") from ex
