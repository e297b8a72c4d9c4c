"""Standard output and error as this project uses them: always there and printable.

A name of a file, a key of a checkpoint or a cell of a table may hold escape sequences that move the cursor,
change what stands on the screen or send the terminal commands. One place deals with all of them: what is
printed, by whomever, passes through here.
"""

import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from cipa.privacy import scrub_line
from cipa.text import printable

READER_GONE = 128 + 13
"""Exit code where the reader of our output, such as `head`, has seen enough: as SIGPIPE would give it."""

LEAST_COLUMNS = 20
"""Of COLUMNS. Of less, such as the 0 that some services set, nothing readable can be made."""

UNHEARD = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning, ResourceWarning)
"""Warnings of libraries to programmers, not to users."""

_COLOUR = re.compile(r"(\x1b\[(?:0|1;3[0-7])m)")
"""What this project colours the head of a line with."""


class SafeStream:
    """A text stream that shows control characters as escapes.

    Rich writes what is below, as its bars move the cursor; what it is given to print is made safe by
    `make_rich_safe`.

    Attributes:
        rich_proxied_file: the name under which rich looks for the stream to write to.
    """

    def __init__(self, stream: TextIO, is_error: bool) -> None:
        self._stream = stream
        self.rich_proxied_file = _RichStream(stream, is_error)

    def write(self, text: str) -> int:
        """Write text; the number of characters given is returned."""
        parts = _COLOUR.split(text) if self._stream.isatty() else [text]
        plain = (part if _COLOUR.fullmatch(part) else _escape_lines(part) for part in parts)
        self.rich_proxied_file.write("".join(plain))
        return len(text)

    def flush(self) -> None:
        """Hand on what is buffered; raise OSError if that or anything before could not be written."""
        self.rich_proxied_file.flush()
        if self.rich_proxied_file.failure is not None:
            raise self.rich_proxied_file.failure

    def isatty(self) -> bool:
        """Tell whether the stream below is a terminal."""
        return self._stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _RichStream:
    """A text stream for rich, whose control sequences pass.

    Attributes:
        failure: what the output refused with, which argparse passes over.
    """

    def __init__(self, stream: TextIO, is_error: bool) -> None:
        self._stream = stream
        self._is_error = is_error
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        """Write text, in ASCII with escapes where the stream takes no more."""
        with self._failures():
            try:
                self._stream.write(text)
            except UnicodeEncodeError:  # a stream that takes ASCII only and was not opened by Python
                self._stream.write(text.encode("ascii", "backslashreplace").decode())
        return len(text)

    def flush(self) -> None:
        """Flush the stream below."""
        with self._failures():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Name the output that takes no more; a warning that nobody can read must not end a run."""
        try:
            yield
        except BrokenPipeError:
            if not self._is_error:
                discard_output()
                raise SystemExit(READER_GONE) from None
        except OSError as error:
            if not self._is_error:
                discard_output()
                error.filename = "standard output"
                self.failure = error
                raise


@contextmanager
def safe_streams() -> Iterator[None]:
    """Make standard output and error safe to print to while the block runs; Python's warnings are lines.

    Closed streams are opened on the null device, so that no file gets their numbers.
    """
    _open_standard_streams()
    _drop_useless_width()
    before = sys.stdout, sys.stderr
    for stream in before:
        with suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.stdout, sys.stderr = SafeStream(before[0], False), SafeStream(before[1], True)
    handler = _LogLines(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        with warnings.catch_warnings():
            warn_in_lines()
            yield
    finally:
        logging.getLogger().removeHandler(handler)
        sys.stdout, sys.stderr = before


def warn_in_lines() -> None:
    """Show Python's warnings as lines of this project, each once; what is meant for programmers is left out.

    Where Python was told what to do with warnings (`-W`, PYTHONWARNINGS) that stands.
    """
    if sys.warnoptions:
        return
    for category in UNHEARD:
        warnings.simplefilter("ignore", category)
    shown: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        """Print a warning's line once."""
        line = printable(scrub_line(" ".join(str(message).split())))
        if line not in shown:
            shown.add(line)
            print(f"cipa: warning: {line}", file=sys.stderr)

    warnings.showwarning = show


def make_rich_safe() -> None:
    """Let rich show control characters of what it prints as escapes, as it drops the bell and a few others.

    Every text in a table, a bar or a line passes the translation that this adds to.
    """
    from rich import control

    codes = (
        *range(32),
        *range(127, 160),
        *range(0x200B, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2060, 0x2070),
    )
    for code in codes:
        if chr(code) not in "\n\t":
            control._CONTROL_STRIP_TRANSLATE[code] = printable(chr(code))  # type: ignore[assignment]


def discard_output() -> None:
    """Point standard output to the null device: what is left in its buffer cannot be written, nor at exit."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _LogLines(logging.Handler):
    """Shows what libraries log as lines of this project, each once."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print a log record's line once."""
        with suppress(Exception):
            line = printable(scrub_line(" ".join(record.getMessage().split())))
            if line not in self._shown:
                self._shown.add(line)
                print(f"cipa: warning: {record.name.partition('.')[0]}: {line}", file=sys.stderr)


def _escape_lines(text: str) -> str:
    if text.isprintable():
        return text
    return "\n".join(printable(line, longest=len(line) + 1) for line in text.split("\n"))


def _open_standard_streams() -> None:
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123


def _drop_useless_width() -> None:
    """Leave the width to the terminal where COLUMNS or LINES say nothing that can be used."""
    for name, least in (("COLUMNS", LEAST_COLUMNS), ("LINES", 1)):
        value = os.environ.get(name)
        if value is not None and not (value.isdecimal() and int(value) >= least):
            del os.environ[name]
