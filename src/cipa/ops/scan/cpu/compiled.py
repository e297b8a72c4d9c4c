"""Numba's compiler with this project's settings, and its cache on disk where there is a place for one."""

from collections.abc import Callable
from typing import Any

from numba import njit


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
        return njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:
        return njit(nogil=True, error_model="numpy")(function)
