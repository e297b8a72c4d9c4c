"""The log: one JSON object a line. Studies go by their alias, and no line holds what a header says."""

import json
import logging
import sys
import threading
import warnings
from datetime import UTC, datetime
from typing import Any

from cipa.privacy import scrub_line
from cipa.serve.settings import Log
from cipa.text import printable

LOGGER = logging.getLogger("cipa.serve")

MUTED = ("pynetdicom", "pydicom", "highdicom", "dicomweb_client", "urllib3", "retrying")
"""Their lines quote values of headers and of messages; what matters of them is logged here by its kind."""


class JsonLines(logging.Formatter):
    """Formats a record as `{"time", "level", "event", ...}`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record; the fields of `say` follow its event."""
        found: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        found |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0] is not None:
            found["error"] = record.exc_info[0].__name__
        return scrub_line(json.dumps(found, default=str))


def report_thread(failed: threading.ExceptHookArgs) -> None:
    """Log an exception that ended a thread, by its kind: its text and its traceback may quote a header."""
    warn("thread ended", thread=failed.thread.name if failed.thread else "", reason=failed.exc_type.__name__)


def open_log(settings: Log) -> logging.Handler:
    """Send the log where the settings say, and mute the libraries.

    Returns:
        The handler, to be closed by `close_log`.

    Raises:
        OSError: the file cannot be written to.
    """
    handler: logging.Handler = (
        logging.StreamHandler(sys.stderr) if settings.file is None else logging.FileHandler(settings.file)
    )
    handler.setFormatter(JsonLines())
    LOGGER.addHandler(handler)
    LOGGER.disabled = False  # a library that configures logging may have disabled what it does not know
    LOGGER.setLevel(settings.level.upper())
    LOGGER.propagate = False
    threading.excepthook = report_thread
    mute_libraries()
    return handler


def mute_libraries() -> None:
    """Keep lines and warnings of the libraries from standard error, for the whole process."""
    warnings.simplefilter("ignore")
    for name in MUTED:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def close_log(handler: logging.Handler) -> None:
    """Close what `open_log` opened."""
    threading.excepthook = threading.__excepthook__
    LOGGER.removeHandler(handler)
    handler.close()


def say(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Add a line to the log.

    Args:
        event: what happened, in a few fixed words.
        level: of `logging`.
        fields: details: numbers, aliases, AE titles; text is made printable.
    """
    clean = {name: printable(value) if isinstance(value, str) else value for name, value in fields.items()}
    LOGGER.log(level, event, extra={"fields": clean})


def warn(event: str, **fields: Any) -> None:
    """Add a warning to the log."""
    say(event, logging.WARNING, **fields)
