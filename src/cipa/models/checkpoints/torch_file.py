"""Read the tensors of a PyTorch file without running what is in it.

A `.pth` file is a pickle, and a pickle may run any code while it is read. PyTorch's restricted reader builds
tensors and plain containers only; of other classes it is allowed `argparse.Namespace`, which the published
training script stores beside its weights. Classification training code stores its settings as yacs's
`CfgNode`, a kind of dict: an ordered dict is built in its stead, so that yacs need not be there nor run.
"""

import argparse
import re
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cipa.errors import DataError

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_ZIP_START = b"PK\x03\x04"
_ALLOWED: list[Any] = [argparse.Namespace, (OrderedDict, "yacs.config.CfgNode")]
_REFUSED_NAME = re.compile(r"GLOBAL (\S+) (?:was not an allowed|whose module)")


def read_torch_file(path: Path) -> dict[str, Tensor]:
    """Read the state dict of a training checkpoint, or a file that is a state dict.

    Args:
        path: written by `torch.save`: a dict of tensors, or a dict with such a dict under "model".

    Returns:
        Name -> tensor, on the CPU, names as in the file.

    Raises:
        DataError: missing, a Git-LFS pointer, truncated, damaged, not a PyTorch file, holding objects that
            could run code, or holding no state dict.
    """
    require_content(path)
    content = _load(path)
    state = content.get("model", content) if isinstance(content, dict) else None
    if (
        not isinstance(state, dict)
        or not state
        or not all(isinstance(value, Tensor) for value in state.values())
    ):
        raise DataError(
            f'{path} holds no weights: expected tensors by name, or these under the key "model"; '
            f"found {_describe(content)}"
        )
    return {str(name): tensor.detach() for name, tensor in state.items()}


def require_content(path: Path) -> None:
    """Check that a file is there and is more than a placeholder for one.

    Raises:
        DataError: missing, a folder, empty, or a Git-LFS pointer.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; give the path of a weights file or of a saved model's folder")
    if _starts_with(path, LFS_POINTER):
        raise DataError(
            f"{path} is a Git-LFS pointer, not the weights: run 'git lfs pull' in its repository, "
            "or download the file itself"
        )
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty: copy or download it again")


def _load(path: Path) -> Any:
    is_zip = zipfile.is_zipfile(path)
    if not is_zip and _starts_with(path, _ZIP_START):
        raise DataError(f"{path} is truncated ({path.stat().st_size} bytes): copy or download it again")
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            # Mapped into memory, the optimiser's state beside the weights (twice their size) is never read.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip or None)
    except OSError:
        raise
    except Exception as error:  # a damaged pickle makes the reader fail in any way there is
        if refused := _REFUSED_NAME.search(str(error)):
            raise DataError(
                f"{path} refers to {refused[1]}, which could run code when loaded: not read; "
                "ask its author for a file that holds tensors only"
            ) from error
        raise DataError(f"{path} is damaged or no PyTorch file: copy or download it again") from error


def _starts_with(path: Path, start: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(start)) == start


def _describe(content: Any) -> str:
    if not isinstance(content, dict):
        return f"a {type(content).__name__}"
    return f"the keys {', '.join(map(str, list(content)[:6]))}" if content else "an empty dict"
