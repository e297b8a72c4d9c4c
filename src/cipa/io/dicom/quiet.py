"""Silence of the DICOM libraries: their warnings and logs quote values, which may be a patient's name."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = ("pydicom", "pylibjpeg", "openjpeg")
"""What this package needs to know of a damaged file it learns from exceptions."""


@contextmanager
def quiet() -> Iterator[None]:
    """Mute warnings and the libraries' logs, on all threads; `@quiet()` does so for a function.

    pydicom converts a value, and warns about it, when it is first asked for: whatever reads headers is quiet.
    """
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)
