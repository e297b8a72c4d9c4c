"""Cubins in the user's cache: a file named after the hash of all that made it, checked before it is used."""

import hashlib
import warnings
from pathlib import Path

from cipa import files
from cipa.files import CACHE as FOLDER
from cipa.files import atomic_file

_UNUSABLE = f"kernels are compiled at each start: set {FOLDER} to a folder that can be written"
_DIGEST = 32  # bytes of SHA-256


def cache_folder() -> Path:
    """Return where cubins are kept: `CIPA_CACHE`, or `cipa` in the user's cache folder."""
    return files.cache_folder("kernels")


def name_of(*parts: str) -> str:
    """Return a file's name from everything the cubin depends on: source, architecture, compiler."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40] + ".cubin"


def read(name: str) -> bytes | None:
    """Return a kept cubin; None where there is none, or (said once) where it is damaged or unreadable."""
    try:
        kept = (cache_folder() / name).read_bytes()
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError) as error:
        _warn(f"{_UNUSABLE} ({error})")
        return None
    digest, cubin = kept[:_DIGEST], kept[_DIGEST:]
    if hashlib.sha256(cubin).digest() != digest or not cubin:
        _warn(f"{cache_folder() / name} is damaged and made again")
        return None
    return cubin


def write(name: str, cubin: bytes) -> None:
    """Keep a cubin; where that cannot be done it is said once, and the next run compiles again.

    Two processes that write the same file write the same bytes, each to a file of its own, and rename it.
    """
    try:
        with atomic_file(cache_folder() / name) as partial:
            partial.write_bytes(hashlib.sha256(cubin).digest() + cubin)
    except (OSError, RuntimeError) as error:  # Path.home() raises RuntimeError where there is none
        _warn(f"{_UNUSABLE} ({error})")


_warned: set[str] = set()


def _warn(what: str) -> None:
    kind = what.partition("(")[0]
    if kind not in _warned:
        _warned.add(kind)
        warnings.warn(f"CUDA scan: {what}", RuntimeWarning, stacklevel=3)
