"""The resumable state of a run: one file, whole or absent, without code in it."""

import hashlib
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from cipa.errors import DataError
from cipa.files import atomic_file


@dataclass
class Position:
    """How far a run has come.

    Attributes:
        step: optimiser steps done.
        validated_step: step at which validation last ran.
        best_dice: highest validation Dice so far; -1 before the first.
        best_step: step it was reached at.
        seconds: time spent training and validating, over all the times the run was resumed.
    """

    step: int = 0
    validated_step: int = 0
    best_dice: float = -1.0
    best_step: int = 0
    seconds: float = 0.0


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write `state` beside `path`, then rename: until the new one is whole, the old one stays.

    Args:
        path: final name.
        state: nested dicts and lists of tensors, numbers and strings.

    Raises:
        DataError: the file cannot be written (full disk, permissions).
    """
    with saving(path), atomic_file(path) as partial, partial.open("wb") as file:
        torch.save(state, file)


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote, to the CPU, with tensors and plain values only: no code is run.

    Raises:
        DataError: the file is damaged.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise DataError(
            f"{path} is damaged and cannot be resumed from: start a new run, --weights may take RUN/last"
        ) from error


@contextmanager
def saving(path: Path) -> Iterator[None]:
    """Turn a failed write of a checkpoint into one line. torch and safetensors each have errors of their own.

    Raises:
        DataError: the block could not write.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        raise DataError(
            f"checkpoint {path} could not be written ({_cause(error)}): the one before it is intact; "
            "put that right, then go on with --resume"
        ) from error


def _cause(error: BaseException) -> str:
    """Find the system's own word for a failed write; torch puts an error of its own in front of it."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return " ".join(str(error).split())[:200]


def fingerprint(training: Sequence[str], validation: Sequence[str]) -> str:
    """Digest of the slices a run learns from and is validated on, in their order (SHA-256, hexadecimal)."""
    return hashlib.sha256("\n".join([*training, "", *validation]).encode()).hexdigest()
