"""What the user can put right: one line that names the thing, its value and the way out.

The command line prints such an error as that one line and exits with `exit_code`. Of any other exception it
says what it is and where it came from (`cipa.cli.boundary`).
"""

import errno


class CipaError(Exception):
    """Something the user can put right. Its message is one line: thing, value, way out."""

    exit_code = 1


class DataError(CipaError):
    """A file, a folder, a tensor or a volume is not what it must be (exit code 1)."""

    exit_code = 1


class UsageError(CipaError):
    """A command, an option or an argument is not one this project knows (exit code 2)."""

    exit_code = 2


OUT_OF_MEMORY = (
    "can't allocate memory",  # PyTorch on a CPU
    "out of memory",  # PyTorch on a GPU
    "Cannot allocate memory",  # the system, the dynamic linker
    "bad_alloc",  # C++
    "can't start new thread",  # Python: no room for its stack
    "failed to map segment",  # the dynamic linker again
    "could not create a primitive",  # oneDNN, which says no more
    "libllvmlite",  # Numba's compiler, whose own message does not say why it could not be loaded
    "cannot allocate memory in static TLS block",
)
"""What libraries say where memory ran out and they raise another class than MemoryError."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error, or one that it came of, says that memory ran out."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError) or (isinstance(seen, OSError) and seen.errno == errno.ENOMEM):
            return True
        if isinstance(seen, (RuntimeError, OSError, ImportError)):
            text = str(seen)
            if any(words in text for words in OUT_OF_MEMORY):
                return True
        seen = seen.__cause__ or seen.__context__
    return False
