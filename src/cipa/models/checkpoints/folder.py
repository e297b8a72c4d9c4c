"""This project's own format: `config.json` beside a safetensors file."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from cipa.errors import CipaError, DataError
from cipa.files import atomic_file
from cipa.models.checkpoints.torch_file import require_content
from cipa.models.config import NetworkConfig
from cipa.models.pretrained import CONFIG_NAME, WEIGHTS_NAME
from cipa.models.registry import config_class

LATER = {"slices", "pet_scaling"}
"""Fields that folders of the first versions lack: their defaults are what those versions did."""


def read_config(path: Path) -> NetworkConfig:
    """Read a `config.json`.

    Raises:
        DataError: missing, not JSON, or with a field missing, unknown or out of its range.
    """
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; a saved model is a folder with {CONFIG_NAME} and {WEIGHTS_NAME}"
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON ({error}): save the model again") from error
    return _config(values, path)


def write_config(folder: Path, config: NetworkConfig) -> None:
    """Replace the configuration of saved weights, which stay as they are.

    Raises:
        OSError: it cannot be written; the earlier one stands.
    """
    with atomic_file(folder / CONFIG_NAME) as partial:
        partial.write_text(json.dumps(asdict(config), indent=2) + "\n", encoding="utf-8")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        DataError: missing, a Git-LFS pointer, truncated or damaged.
    """
    require_content(path)
    try:
        return load_file(path)
    except SafetensorError as error:
        raise DataError(f"{path} is truncated or damaged: copy or save it again ({error})") from error


def _config(values: Any, path: Path) -> NetworkConfig:
    if not isinstance(values, dict) or not isinstance(values.get("variant"), str):
        raise DataError(f"{path} names no network (variant): save the model again with this version")
    try:
        kind = config_class(values["variant"])
    except CipaError as error:
        raise DataError(f"{path}: {error}") from error
    _require_fields({field.name for field in fields(kind)}, set(values) | LATER, path)
    arguments: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    try:
        return kind(**arguments)
    except (CipaError, TypeError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error


def _require_fields(names: set[str], found: set[str], path: Path) -> None:
    if found != names:
        odd = ", ".join(sorted(found ^ names)[:3])
        raise DataError(
            f"{path} has missing or unknown fields ({odd}): save the model again with this version"
        )
