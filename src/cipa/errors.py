"""What the user can put right: one line that names the thing, its value and the way out.

The command line prints such an error as that one line and exits with `exit_code`; any other exception is a
defect of this project and keeps its traceback.
"""


class CipaError(Exception):
    """Something the user can put right. Its message is one line: thing, value, way out."""

    exit_code = 1


class DataError(CipaError):
    """A file, a folder, a tensor or a volume is not what it must be (exit code 1)."""

    exit_code = 1


class UsageError(CipaError):
    """A command, an option or an argument is not one this project knows (exit code 2)."""

    exit_code = 2
