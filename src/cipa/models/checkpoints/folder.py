"""This project's own format, read and written: a folder with `config.json` and `model.safetensors`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from types import GenericAlias
from typing import Any, get_args, get_type_hints

from safetensors.torch import load_file, save_file
from torch import Tensor

from cipa.errors import CipaError, DataError
from cipa.files import atomic_file
from cipa.models.checkpoints.torch_file import require_content
from cipa.models.config import NetworkConfig
from cipa.models.variants import config_class
from cipa.readers import excerpt, is_number, read_json_object, read_or_refuse

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
CARD_NAME = "README.md"

MOST_CONFIG_BYTES = 64 * 2**10
"""A config.json has 1 KiB."""

AGAIN = "save the model again with this version"

LATER = {"slices", "pet_scaling", "min_suv"}
"""Fields that folders of the first versions lack: their defaults are what those versions did."""


def read_config(path: Path) -> NetworkConfig:
    """Read a `config.json`.

    Raises:
        DataError: missing, not JSON, or with a field missing, unknown, of another type or out of its range.
    """
    way_out = f"a saved model is a folder with {CONFIG_NAME} and {WEIGHTS_NAME}: save it again"
    return parse_config(read_json_object(path, way_out, MOST_CONFIG_BYTES), path)


def parse_config(values: Mapping[str, Any], path: Path, again: str = AGAIN) -> NetworkConfig:
    """Return the configuration that `write_config` wrote.

    Args:
        values: by name of field, as JSON has them.
        path: where they come from, for messages.
        again: what to do about a field that does not fit.

    Raises:
        DataError: a field is missing, unknown, of another type or out of its range.
    """
    variant = values.get("variant")
    if not isinstance(variant, str):
        raise DataError(f"{path} names no network (variant): {again}")
    try:
        kind = config_class(excerpt(variant))
    except CipaError as error:
        raise DataError(f"{path}: {error}") from error
    names = {field.name for field in fields(kind)}
    if names != set(values) | LATER:
        odd = ", ".join(excerpt(name) for name in sorted(names ^ (set(values) | LATER))[:3])
        raise DataError(f"{path} has missing or unknown fields ({odd}): {again}")
    hints = get_type_hints(kind)
    try:
        return kind(**{name: _cast(name, value, hints[name]) for name, value in values.items()})
    except (CipaError, ValueError, OverflowError) as error:
        raise DataError(f"{path}: {excerpt(error, 300)}") from error


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
    return read_or_refuse(
        path,
        "a safetensors file, or one truncated or damaged",
        "copy or save it again",
        lambda: load_file(path),
    )


def write_tensors(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write `model.safetensors` into a folder, with the permissions that the user's umask gives.

    Raises:
        OSError: it cannot be written.
    """
    path = folder / WEIGHTS_NAME
    path.touch()
    mode = path.stat().st_mode
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(on_cpu, path, metadata={"format": "pt"})
    path.chmod(mode)  # save_file leaves it readable by its owner alone


def require_replaceable(folder: Path) -> None:
    """Check that nothing but an earlier model stands where one is to be saved.

    Raises:
        DataError: a file stands there, or a folder with files that no saved model has.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file: a model is saved as a folder, choose another name")
    known = {CONFIG_NAME, WEIGHTS_NAME, CARD_NAME}
    others = (
        sorted(item.name for item in folder.iterdir() if item.name not in known) if folder.exists() else []
    )
    if others:
        raise DataError(f"{folder} holds other files ({others[0]}, ...): choose a new or an empty folder")


def _cast(name: str, value: Any, hint: Any) -> Any:
    """Return a value from JSON as a field's type has it.

    Raises:
        ValueError: it is of another type, or no finite number.
    """
    if isinstance(hint, GenericAlias):  # tuple[int, ...] or tuple[float, float]
        each = get_args(hint)
        count = len(value) if each[-1] is Ellipsis and isinstance(value, list) else len(each)
        if not isinstance(value, list) or len(value) != count:
            raise ValueError(f"{name} {excerpt(value)}: must be a list of {count} numbers")
        kinds = [each[0]] * count if each[-1] is Ellipsis else each
        return tuple(_cast(name, item, kind) for item, kind in zip(value, kinds, strict=True))
    if hint is float and is_number(value):
        return float(value)
    if hint is not float and type(value) is hint:
        return value
    kind = {int: "a whole number", float: "a finite number", bool: "true or false"}.get(hint, "text")
    raise ValueError(f"{name} {excerpt(value)}: must be {kind}")
