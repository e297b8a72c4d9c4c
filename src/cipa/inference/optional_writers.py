"""Files of a result whose failure does not stop the rest: DICOM SEG, report, pictures."""

import logging
from collections.abc import Callable
from pathlib import Path

from cipa.errors import CipaError, is_out_of_memory
from cipa.files import is_disk_full


def attempt(what: str, write: Callable[[], object], folder: Path) -> str:
    """Write a file of a result.

    Args:
        what: it is, such as `DICOM SEG`.
        write: writes it.
        folder: unfinished one that it is written to, which no line shall name.

    Returns:
        A warning, empty where it was written. It quotes no value of a header.

    Raises:
        OSError: the disk is full, which nothing else would survive.
    """
    try:
        write()
    except Exception as error:
        if is_disk_full(error):
            raise
        logging.getLogger(__name__).debug("%s", what, exc_info=error)
        return f"{what} was not written: {_reason(error, folder)}"
    return ""


def name_of_writer(write: Callable[..., object]) -> str:
    """Return what a function writes, by its name: `study report` of `write_study_report`."""
    name = getattr(write, "__name__", type(write).__name__)
    return name.removeprefix("write_").strip("_").replace("_", " ")


def _reason(error: Exception, folder: Path) -> str:
    if isinstance(error, CipaError):
        return str(error).replace(f"{folder}/", "")
    if is_out_of_memory(error):
        return "memory ran out"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}, a defect of cipa or a header that a library cannot cope with"
