"""The one place where an exception of any kind becomes one line on standard error and an exit code.

Exit codes: 0 done; 1 something is wrong with the data, the disk, the memory or this program; 2 something is
wrong with the command; 128 plus a signal's number where one ended the command (130 Ctrl-C, 129 a closed
session, 143 SIGTERM, 141 the reader of the output, such as `head`, has seen enough).
"""

import errno
import logging
import re
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from cipa.cli.terminal import print_error
from cipa.errors import CipaError, is_out_of_memory
from cipa.privacy import scrub_line
from cipa.signals import TERMINATION

PACKAGE = Path(__file__).parents[1]

OLD_LIBRARY = re.compile(r"(?:version `)?((?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)'? not found")
"""What the dynamic linker says where a library was built for a newer system than this one."""


def guard(run: Callable[[], int], debug: bool) -> int:
    """Run a command and turn whatever it raises into a line.

    Args:
        run: the command; returns its exit code.
        debug: print the traceback first.

    Returns:
        The exit code.
    """
    if debug:
        _show_debug_lines()
    try:
        code = _run_to_exit(run)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # of a signal, of a reader that has gone
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
        line = _explain_signal(code - 128)
    except KeyboardInterrupt:
        code, line = 128 + signal.SIGINT, "interrupted: nothing half-written is left"
    except BaseException as error:
        if debug:
            print(scrub_line(traceback.format_exc()), end="", file=sys.stderr)
        code, line = getattr(error, "exit_code", CipaError.exit_code), explain(error)
    with suppress(OSError, SystemExit):
        sys.stdout.flush()
    if line:
        print_error(line)
    return code


def _show_debug_lines() -> None:
    """Show what this project logs of exceptions that it survives."""
    logger = logging.getLogger("cipa")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(logging.StreamHandler(sys.stderr))
    logger.propagate = False


def _run_to_exit(run: Callable[[], int]) -> int:
    """Run a command; what argparse leaves by after its --help is done."""
    try:
        return run()
    except SystemExit as stop:
        if stop.code:
            raise
        return 0


def explain(error: BaseException) -> str:
    """Return one line that says what is wrong and what to do about it."""
    if isinstance(error, CipaError):
        return str(error)
    if is_out_of_memory(error):
        return f"memory ran out{_while(error)}: end other programs or use a machine with more"
    if old := OLD_LIBRARY.search(str(error)):
        return (
            f"this system's C library is too old: {old[1]} is not in it, which an installed library needs; "
            "use a newer system, or the container of deploy/Dockerfile"
        )
    if isinstance(error, OSError) and error.errno is not None:
        return _explain_system(error)
    return (
        f"{_prefix(error)}{type(error).__name__} in {_line_of(error)}: a defect of this program, or a file "
        "that a library cannot cope with; --debug shows the traceback"
    )


def _explain_system(error: OSError) -> str:
    name = error.filename if error.filename is not None else find_file(error) or "a file"
    if error.errno == errno.ENOSPC:
        return f"no space left on the disk of {name}: free some, then run the same command again"
    if error.errno == errno.EDQUOT:
        return f"your share of the disk of {name} is full: free some, then run the same command again"
    if error.errno == errno.EFBIG:
        return f"{name}: larger than a file may be here (see ulimit -f), or no space left on its disk"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no permission for {name}: choose another folder or change its owner"
    return f"{name}: {error.strerror or error}"


def _explain_signal(number: int) -> str:
    if number not in TERMINATION:
        return ""
    return f"ended by {signal.Signals(number).name}: nothing half-written is left"


def find_file(error: BaseException) -> Path | None:
    """Return the file or folder that this project's code was at when an exception came up, if it is known.

    It is the innermost local variable that is a path of something that is there.
    """
    for frame in reversed(_frames(error.__traceback__)):
        if not Path(frame.f_code.co_filename).is_relative_to(PACKAGE):
            continue
        for value in frame.f_locals.values():
            if isinstance(value, Path):
                with suppress(OSError, ValueError):
                    if value.exists():
                        return value
    return None


def _frames(trace: TracebackType | None) -> list:
    return [frame for frame, _ in traceback.walk_tb(trace)]


def _line_of(error: BaseException) -> str:
    """Return the innermost line of this project that an exception passed, as `io/nifti.py, line 62`."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(PACKAGE):
            return f"{Path(frame.filename).relative_to(PACKAGE)}, line {frame.lineno}"
    return "a library"


def _prefix(error: BaseException) -> str:
    file = find_file(error)
    return f"{scrub_line(str(file))}: " if file else ""


def _while(error: BaseException) -> str:
    file = find_file(error)
    return f" at {scrub_line(str(file))}" if file else ""
