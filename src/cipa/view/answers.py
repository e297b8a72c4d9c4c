"""Errors as the page gets them: a status of HTTP and one line without a patient's identity."""

import logging

from starlette.responses import JSONResponse, Response

from cipa.errors import CipaError, DataError, UsageError, is_out_of_memory
from cipa.files import is_disk_full
from cipa.privacy import scrub_line
from cipa.text import printable
from cipa.view.refusal import Refusal


def answer_error(error: Exception) -> Response:
    """Return the answer to a request that raised this."""
    status, line, details = _judge(error)
    if status == 500:
        logging.getLogger(__name__).debug("%s", line, exc_info=error)
    return JSONResponse({"error": printable(scrub_line(line)), **details}, status)


def _judge(error: Exception) -> tuple[int, str, dict]:
    if isinstance(error, Refusal):
        return error.status, str(error), error.details
    if is_disk_full(error):
        return (
            507,
            "the disk is full: nothing was written, and the changes stay here; free some and save again",
            {},
        )
    if is_out_of_memory(error):
        return 503, "memory ran out; end other programs and try again, the changes stay here", {}
    if isinstance(error, (DataError, UsageError)):
        return 422, str(error), {}
    if isinstance(error, CipaError):
        return 400, str(error), {}
    if isinstance(error, FileNotFoundError):
        return 410, "the result, or a file of it, was deleted or renamed meanwhile; the changes stay here", {}
    if isinstance(error, PermissionError):
        return 403, "no permission to write into the result's folder; the changes stay here", {}
    if isinstance(error, OSError):
        return (
            500,
            f"{error.strerror or type(error).__name__}: nothing was written, the changes stay here",
            {},
        )
    return 500, f"{type(error).__name__}, a defect of cipa; start cipa view with --debug to see more", {}
