"""Read the tensors of a PyTorch file without running what is in it.

A `.pth` file is a pickle, and a pickle may run any code while it is read. PyTorch's restricted reader builds
tensors and plain containers only. Of other classes the training scripts of this field store a few beside
their weights - settings, a metric as a NumPy number, a path: in their stead something inert is built, so that
neither their code runs nor their package need be there.
"""

import argparse
import re
import warnings
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cipa.errors import DataError
from cipa.models.checkpoints.names import unwrap_names
from cipa.readers import excerpt, is_zip, read_or_refuse, require_file

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_ZIP_START = b"PK\x03\x04"
_REFUSED_NAME = re.compile(r"GLOBAL (\S+) (?:was not an allowed|whose module)")

WEIGHT_KEYS = (
    "model",
    "state_dict",
    "model_state_dict",
    "network",
    "net",
    "module",
    "ema",
    "model_ema",
    "state_dict_ema",
)
"""Keys that training scripts put a network's weights under, those that come first preferred."""

NESTED = 4
"""Levels of such keys that are looked through."""

MOST_PICKLE_BYTES = 8 * 2**20
"""The pickle in a file has a few hundred bytes a tensor; each of its bytes may build an object."""


class CheckpointWarning(UserWarning):
    """A file holds several sets of weights, of which one is read."""


class _Inert:
    """Stands for an object beside the weights that is not needed."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


def _empty_dict(*_: Any) -> dict[Any, Any]:
    """Stand for a defaultdict, whose default is not needed; the reader then fills it."""
    return {}


_ALLOWED: list[Any] = [
    argparse.Namespace,
    (OrderedDict, "yacs.config.CfgNode"),
    (_empty_dict, "collections.defaultdict"),
    *(
        (_Inert, name)
        for name in (
            "builtins.int",
            "builtins.float",
            "builtins.list",
            "builtins.dict",
            "numpy.core.multiarray.scalar",
            "numpy._core.multiarray.scalar",
            "numpy.dtype",
            "_codecs.encode",
            "pathlib.PosixPath",
            "pathlib.WindowsPath",
        )
    ),
]
"""Classes whose names may stand in a file, each with what is built in its stead."""


def read_torch_file(path: Path) -> dict[str, Tensor]:
    """Read the state dict of a training checkpoint, or a file that is a state dict.

    Args:
        path: written by `torch.save`: a dict of tensors, or a dict that holds one under one of `WEIGHT_KEYS`,
            nested or not.

    Returns:
        Name -> tensor, on the CPU, names as in the file but for what wrappers put before them.

    Raises:
        DataError: missing, a Git-LFS pointer, truncated, damaged, not a PyTorch file, holding objects that
            could run code, or holding no state dict.

    Warns:
        CheckpointWarning: it holds several sets of weights; the first of `WEIGHT_KEYS` is read.
    """
    require_content(path)
    content = load_plain(path)
    state = _find_state(content, path)
    if state is None:
        raise DataError(
            f'{path} holds no weights: expected tensors by name, or these under the key "model"; '
            f"found {_describe(content)}"
        )
    names = unwrap_names(state)
    doubled = [name for name, count in Counter(names.values()).items() if count > 1]
    if doubled:
        raise DataError(
            f"{path} has {excerpt(doubled[0])} twice, once in a wrapper: keep one and save it again"
        )
    return {new: state[name].detach() for name, new in names.items()}


def require_content(path: Path) -> None:
    """Check that a file is there and is more than a placeholder for one.

    Raises:
        DataError: missing, a folder, a pipe or a device, empty, or a Git-LFS pointer.
    """
    require_file(path, "give the path of a weights file or of a saved model's folder")
    if _starts_with(path, LFS_POINTER):
        raise DataError(
            f"{path} is a Git-LFS pointer, not the weights: run 'git lfs pull' in its repository, "
            "or download the file itself"
        )
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty: copy or download it again")


def load_plain(path: Path) -> Any:
    """Read any PyTorch file to the CPU, tensors and plain values only.

    Every record is held against its checksum first: PyTorch, which maps a file into memory, does not.

    Raises:
        DataError: truncated, damaged, no PyTorch file, or with objects that could run code.
    """
    is_archive = is_zip(path)
    if not is_archive and _starts_with(path, _ZIP_START):
        raise DataError(f"{path} is truncated ({path.stat().st_size} bytes): copy or download it again")
    if is_archive:
        read_or_refuse(
            path, "a whole PyTorch file", "copy or download it again", lambda: _check_records(path)
        )
    try:
        with torch.serialization.safe_globals(_ALLOWED), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols and storages: nothing a user can act on
            # Mapped into memory, the optimiser's state beside the weights (twice their size) is never read.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive or None)
    except OSError as error:
        if error.errno is not None:
            raise
        raise DataError(f"{path} is damaged or no PyTorch file: copy or download it again") from error
    except Exception as error:  # a damaged pickle makes the reader fail in any way there is
        if refused := _REFUSED_NAME.search(str(error)):
            raise DataError(
                f"{path} refers to {excerpt(refused[1])}, which could run code when loaded: not read; "
                "ask its author for a file that holds tensors only"
            ) from error
        raise DataError(f"{path} is damaged or no PyTorch file: copy or download it again") from error


def _check_records(path: Path) -> None:
    """Check that the records of a zip are whole, stored as they are, and no more than the file is long."""
    with zipfile.ZipFile(path) as archive:
        records = archive.infolist()
        names = {record.filename.rpartition("/")[2] for record in records}
        if "data.pkl" not in names:
            raise DataError(f"{path} is damaged or no PyTorch file: copy or download it again")
        if "constants.pkl" in names:
            raise DataError(
                f"{path} is a TorchScript program, which is not run: save its state_dict() instead"
            )
        if any(record.compress_type != zipfile.ZIP_STORED for record in records):
            raise ValueError("packed, which PyTorch does not do")
        if sum(record.file_size for record in records) > path.stat().st_size:
            raise ValueError("its records are larger than the file")
        if any(r.filename.endswith(".pkl") and r.file_size > MOST_PICKLE_BYTES for r in records):
            raise ValueError("a pickle larger than that of any network")
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"the checksum of {excerpt(damaged)} is wrong")


def _find_state(content: Any, path: Path, depth: int = 0) -> dict[str, Tensor] | None:
    """Return the state dict in what a file holds: itself, or what stands under a key of `WEIGHT_KEYS`."""
    if not isinstance(content, dict) or not content or depth > NESTED:
        return None
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    if len(tensors) == len(content):
        return tensors if all(isinstance(name, str) for name in tensors) else None
    found = {key: _find_state(content[key], path, depth + 1) for key in WEIGHT_KEYS if key in content}
    sets = {key: state for key, state in found.items() if state is not None}
    if not sets:
        return None
    first = next(iter(sets))
    if len(sets) > 1:
        others = ", ".join(list(sets)[1:])
        warnings.warn(
            f"{path}: holds several sets of weights: those under '{first}' are read, not {others}",
            CheckpointWarning,
            stacklevel=2,
        )
    return sets[first]


def _starts_with(path: Path, start: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(start)) == start


def _describe(content: Any) -> str:
    if not isinstance(content, dict):
        return f"a {type(content).__name__}"
    keys = [
        excerpt(key, 30) if isinstance(key, str | int) else f"a {type(key).__name__}"
        for key in list(content)[:6]
    ]
    return f"the keys {', '.join(keys)}" if content else "an empty dict"
