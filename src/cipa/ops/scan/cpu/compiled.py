"""Numba's compiler with this project's settings, and its cache on disk where there is a place for one."""

import hashlib
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import IndexDataCacheFile

DIGEST_BYTES = 32


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function at its first call: lock released, IEEE division, machine code kept on disk.

    Numba refuses at once, with RuntimeError, to keep code when neither the package's folder nor the user's
    cache folder can be written (a container with a read-only file system). The code then is compiled in
    every process.

    Args:
        function: in Numba's subset of Python.

    Returns:
        The dispatcher, called like `function`.
    """
    try:
        dispatcher: Any = njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:
        return njit(nogil=True, error_model="numpy")(function)
    cache, impl = dispatcher._cache, dispatcher._cache._impl
    cache._cache_file = CheckedCacheFile(
        cache.cache_path, f"{impl.filename_base}-checked", impl.locator.get_source_stamp()
    )
    return dispatcher


class CheckedCacheFile(IndexDataCacheFile):
    """Numba's files of machine code, each behind its SHA-256: what is damaged is compiled again.

    Numba unpickles what it finds and runs it: a file that was cut short stops every command until it is
    deleted by hand, and a flipped bit in machine code computes anything.
    """

    def save(self, key: Any, data: Any) -> None:
        """Keep code; where the disk is full or read-only the next process compiles it again."""
        try:
            super().save(key, data)
        except OSError as error:
            _warn_once(f"{self._cache_path}: compiled code cannot be kept there ({error.strerror or error})")

    def _load_index(self) -> Any:
        found = self._read(self._index_path)
        if found is None or found[:2] != (self._version, self._source_stamp):
            return {}  # not there, damaged, or of another version of Numba or of the source
        return found[2]

    def _save_index(self, overloads: Any) -> None:
        self._write(self._index_path, (self._version, self._source_stamp, overloads))

    def _load_data(self, name: str) -> Any:
        return self._read(self._data_path(name))

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _read(self, path: str) -> Any:
        """Return what a file holds; None where it is absent or damaged."""
        try:
            content = Path(path).read_bytes()
        except OSError:  # not there yet, or not to be read by this user
            return None
        digest, data = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        if hashlib.sha256(data).digest() != digest:
            _warn_once(f"{path}: compiled code is damaged; it is compiled again")
            return None
        return pickle.loads(data)

    def _write(self, path: str, value: Any) -> None:
        data = self._dump(value)
        with self._open_for_write(path) as file:
            file.write(hashlib.sha256(data).digest() + data)


def _warn_once(line: str) -> None:
    """Warn of the first file alone: a disk that damages one damages more, and all are mended alike."""
    global _has_warned
    if not _has_warned:
        _has_warned = True
        warnings.warn(line, RuntimeWarning, stacklevel=2)


_has_warned = False
