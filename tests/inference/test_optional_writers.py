"""A file that cannot be written costs a result no other, and its warning quotes nothing private."""

import errno

import pytest

from cipa.errors import DataError, UsageError
from cipa.inference.optional_writers import attempt, name_of_writer


def failing(error):
    def write():
        raise error

    return write


def test_what_was_written_is_no_warning(tmp_path):
    assert attempt("report", lambda: None, tmp_path) == ""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DataError("no PET; give one"), "no PET; give one"),
        (UsageError("x"), "x"),
        (PermissionError(errno.EACCES, "Permission denied", "/home/doe/x"), "Permission denied"),
        (MemoryError(), "memory ran out"),
        (ValueError("Doe^Jane is no name"), "ValueError, a defect of cipa or a header"),
        (KeyError("Doe^Jane"), "KeyError, a defect of cipa or a header"),
        (OSError("Doe^Jane"), "OSError, a defect of cipa or a header"),
    ],
)
def test_a_failure_is_a_warning_that_names_its_kind_alone(tmp_path, error, reason):
    line = attempt("DICOM SEG", failing(error), tmp_path)
    assert line.startswith(f"DICOM SEG was not written: {reason}")
    assert "Doe" not in line
    assert "doe" not in line


def test_the_unfinished_folder_is_not_named(tmp_path):
    line = attempt("report", failing(DataError(f"{tmp_path}/mip.png: cannot be drawn")), tmp_path)
    assert line == "report was not written: mip.png: cannot be drawn"


def test_a_full_disk_is_no_warning_as_nothing_would_survive_it(tmp_path):
    error = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        attempt("report", failing(error), tmp_path)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)])
def test_a_signal_is_no_failure_of_a_writer(tmp_path, error):
    with pytest.raises(type(error)):
        attempt("report", failing(error), tmp_path)


def test_a_writer_is_called_by_what_it_writes():
    def write_study_report():
        pass

    class Captures:
        def __call__(self):
            pass

    assert name_of_writer(write_study_report) == "study report"
    assert name_of_writer(Captures()) == "Captures"
