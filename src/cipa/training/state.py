"""The resumable state of a run: one file, complete or absent, that contains no code."""

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from cipa.errors import CipaError, DataError
from cipa.files import atomic_file
from cipa.models.checkpoints.torch_file import load_plain
from cipa.readers import excerpt, is_number, require_file

START_AGAIN = "start a new run, --weights may take RUN/last"

PARTS: dict[str, type | tuple[type, ...]] = {
    "position": dict,
    "model": dict,
    "optimizer": dict,
    "average": (dict, type(None)),
    "scaler": (dict, type(None)),
    "data": str,
    "processes": int,
}
"""What a state holds."""

MOST_STEPS = 10**9
"""Optimiser steps that a run can have done."""


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
    """Write `state` under a temporary name, then rename it: the old one stays until the new is complete.

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
    require_file(path, START_AGAIN)
    try:
        state = load_plain(path)
    except DataError as error:
        raise DataError(f"{path} is damaged and cannot be resumed from: {START_AGAIN}") from error
    check_state(state, path)
    return state


def check_state(state: Any, path: Path) -> None:
    """Check that a file holds a state before any of it is restored.

    Raises:
        DataError: a part is missing or of another type, or the position is none.
    """
    if not isinstance(state, dict):
        raise _damage_error(path, f"holds a {type(state).__name__}")
    for key, kinds in PARTS.items():
        if key not in state or not isinstance(state[key], kinds):
            raise _damage_error(path, f"its {key} is missing or of another type")
    position = state["position"]
    if set(position) != {field.name for field in fields(Position)}:
        raise _damage_error(path, "its position has other fields")
    steps = [position[name] for name in ("step", "validated_step", "best_step")]
    numbers = [position[name] for name in ("best_dice", "seconds")]
    if not all(type(step) is int and 0 <= step <= MOST_STEPS for step in steps) or not all(
        is_number(number) for number in numbers
    ):
        raise _damage_error(path, "its position holds values that cannot be")
    if not all(isinstance(value, torch.Tensor) for value in state["model"].values()):
        raise _damage_error(path, "its model holds what is no tensor")


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """Turn what PyTorch raises for a state of another network or optimiser into one line.

    Raises:
        DataError: the block raised anything else than an error of this package or of the system.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd values on the way to one of those errors
            yield
    except (CipaError, OSError):
        raise
    except Exception as error:  # load_state_dict of networks and optimisers fail in ways of their own
        raise _damage_error(path, excerpt(error)) from error


def _damage_error(path: Path, how: str) -> DataError:
    return DataError(f"{path} is damaged and cannot be resumed from ({how}): {START_AGAIN}")


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
