"""The API reference: a page a room of the package, which mkdocstrings fills from docstrings and types."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "src" / "cipa"

ROOMS = {
    "inference": "Predict studies and slices",
    "training": "Recipe, loop, resumption",
    "evaluation": "Protocols, scores, intervals, comparison",
    "models": "Networks, configurations, checkpoints",
    "ops": "Selective scan, SS2D, fused passes",
    "data": "Data sets, conversion, augmentation",
    "io": "NIfTI, PNG, DICOM, SUV, grids",
    "lesions": "Labelling, measuring, plausibility",
    "phantom": "Synthetic patients",
    "report": "Pictures and pages",
    "view": "The viewer's server",
    "serve": "The DICOM node and its queue",
}
"""Rooms with a page of their own; the modules beside them share the page of the general rooms."""

PACKAGES = ("cipa", "cipa.ops", "cipa.training", "cipa.phantom")
"""Packages whose `__all__` is what this project promises to keep."""

COMPILED = ("_triton", "_cpu.py", "ops/scan/triton/", "ops/scan/cpu/", "ops/scan/cuda/")
"""Kernels and what launches them: not called by users."""

INDEX = """# Python API

What these packages export is public and kept stable; changes are announced in the changelog. Everything else
is documented too, room by room, as it is what one reads and extends, but it may change.

{tables}

## Rooms

{rooms}
- [General rooms](general.md): errors, files, devices, progress
"""


def api_pages() -> dict[str, str]:
    """Return the Markdown of each page by its name below `reference/api`."""
    pages = {"index.md": INDEX.format(tables="\n\n".join(map(_public, PACKAGES)), rooms=_rooms())}
    for room, title in ROOMS.items():
        pages[f"{room}.md"] = _page(f"cipa.{room}", title, modules(room))
    pages["general.md"] = _page("General rooms", "Modules that every room may use", general())
    return pages


def modules(room: str) -> list[str]:
    """Return the dotted names of the documented modules of a room, packages first."""
    paths = sorted(
        (SOURCES / room).rglob("*.py"), key=lambda path: (path.parent, path.stem != "__init__", path)
    )
    return [_dotted(path) for path in paths if _is_documented(path)]


def general() -> list[str]:
    """Return the dotted names of the modules beside the rooms."""
    return [_dotted(path) for path in sorted(SOURCES.glob("[!_]*.py")) if _is_documented(path)]


def public_names() -> dict[str, str]:
    """Return where each public name is defined: `cipa.Predictor` to `cipa.inference.predictor.Predictor`."""
    homes = {}
    for package in PACKAGES:
        module = import_module(package)
        for name in module.__all__:
            value = getattr(module, name)
            if hasattr(value, "__module__"):
                homes[f"{package}.{name}"] = f"{value.__module__}.{value.__qualname__}"
    return homes


def _public(package: str) -> str:
    rows = []
    for name, home in public_names().items():
        if name.rpartition(".")[0] == package:
            doc = (getattr(import_module(package), name.rpartition(".")[2]).__doc__ or "").strip()
            rows.append(f"| [`{name}`][{home}] | {' '.join(doc.split(chr(10) * 2)[0].split())} |")
    return "\n".join([f"## `{package}`\n", "| name | what it is |", "|---|---|", *rows])


def _rooms() -> str:
    return "\n".join(f"- [`cipa.{room}`]({room}.md): {title.lower()}" for room, title in ROOMS.items())


def _page(title: str, line: str, names: list[str]) -> str:
    return "\n".join([f"# {title}\n", f"{line}.\n", *_blocks(names)])


def _blocks(names: list[str]) -> Iterator[str]:
    for name in names:
        yield f"::: {name}\n    options:\n      heading_level: 2\n"


def _dotted(path: Path) -> str:
    parts = path.relative_to(SOURCES.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_documented(path: Path) -> bool:
    """Whether a module holds a public name of its own and is no kernel."""
    where = path.relative_to(SOURCES).as_posix()
    if any(part in where for part in COMPILED):
        return False
    body = ast.parse(path.read_text(encoding="utf-8")).body
    kinds = (ast.FunctionDef, ast.ClassDef)
    return any(isinstance(node, kinds) and not node.name.startswith("_") for node in body)
