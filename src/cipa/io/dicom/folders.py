"""Walking through folders, links among them, and names of files as they can be shown."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path


def walk_folders(
    root: Path, skip: Callable[[Path, list[str]], bool] | None = None
) -> Iterator[tuple[Path, list[str]]]:
    """Give every folder at and below one, and its files' names, in the order of names.

    Links to folders are followed, each folder once: a link to what lies below `root` anyway, or to a folder
    above it, is passed over, so that loops end.

    Args:
        root: where to begin.
        skip: told a folder and its files' names, says whether to pass it over with all below.
    """
    top = os.path.realpath(root)
    seen = {top}
    for folder, below, names in os.walk(root, followlinks=True):
        if skip is not None and skip(Path(folder), names):
            below.clear()
            continue
        below[:] = [name for name in sorted(below) if _is_new(Path(folder, name), top, seen)]
        yield Path(folder), sorted(names)


def show_name(name: str) -> str:
    """Return a name with replacement characters for bytes that are not UTF-8, as Python holds them."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _is_new(folder: Path, top: str, seen: set[str]) -> bool:
    real = os.path.realpath(folder)
    if folder.is_symlink() and (_holds(top, real) or _holds(real, top)):
        return False
    if real in seen:
        return False
    seen.add(real)
    return True


def _holds(folder: str, other: str) -> bool:
    """Tell whether `other` is a folder or lies below it."""
    return other == folder or other.startswith(folder.rstrip(os.sep) + os.sep)
