"""What must hold of a `.pt2` file before PyTorch reads it.

A program names the functions it calls, its sizes are formulas that are evaluated, and tensors of odd layout
are pickled: any of the three can run code. A network needs none of it but PyTorch's own operators and the
scan, so that everything else is refused.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cipa.errors import DataError
from cipa.models.checkpoints.torch_file import require_content
from cipa.models.exported.metadata import AGAIN
from cipa.readers import excerpt, is_zip, read_or_refuse

TARGET = re.compile(r"torch\.ops\.(aten|cipa)\.\w+\.\w+|_operator\.(mul|add|sub|floordiv|getitem|eq|ge|le)")
FORMULA = re.compile(
    r"(Symbol\('[su]\d+'|(positive|nonnegative|integer)=True|[su]\d+|\d+|Integer|Mul|Add|Pow|Mod|PythonMod|FloorDiv"
    r"|CleanDiv|Max|Min|[-+*/(), ])*"
)
MOST_JSON_BYTES = 256 * 2**20
"""A program of VMamba-B has 20 MiB of text."""


def check_archive(path: Path) -> None:
    """Check that a file is whole and holds nothing but operators, tensors and text.

    Raises:
        DataError: missing, truncated, damaged, not a `.pt2` file, or a program that could run code.
    """
    require_content(path)
    if not is_zip(path):
        raise DataError(f"{path}: damaged or no .pt2 file; {AGAIN}")
    read_or_refuse(path, "a .pt2 file, or one damaged", AGAIN, lambda: _check(path))


def _check(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        records = archive.infolist()
        if any(record.compress_type != zipfile.ZIP_STORED for record in records):
            raise ValueError("packed, which PyTorch does not do")
        if sum(record.file_size for record in records) > path.stat().st_size:
            raise ValueError("its records are larger than the file")
        damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {excerpt(damaged)} is wrong")
        inner = {record.filename.partition("/")[2]: record for record in records}
        if not any(name.startswith("models/") for name in inner):
            raise DataError(f"{path}: holds no program, so it is no .pt2 file; {AGAIN}")
        for name, record in inner.items():
            if name.endswith(".json"):
                if record.file_size > MOST_JSON_BYTES:
                    raise ValueError(f"{name} is larger than that of any network")
                _check_values(json.loads(archive.read(record)), path)
            elif re.fullmatch(r"data/constants/(custom_obj|opaque|opaque_obj)_.*", name):
                raise _unsafe_error(path, name)


def _check_values(content: Any, path: Path) -> None:
    for key, value in _pairs(content):
        odd_target = key == "target" and isinstance(value, str) and not TARGET.fullmatch(value)
        odd_formula = key == "expr_str" and not FORMULA.fullmatch(str(value))
        if odd_target or odd_formula or (key == "use_pickle" and value):
            raise _unsafe_error(path, value if key != "use_pickle" else "a pickled tensor")


def _pairs(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key and value of nested JSON."""
    left = [content]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            yield from item.items()
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)


def _unsafe_error(path: Path, what: object) -> DataError:
    return DataError(f"{path}: holds {excerpt(what)}, which could run code when loaded: not read; {AGAIN}")
