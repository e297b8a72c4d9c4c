"""The scan on a CPU: Python compiled by Numba, sixteen channels a vector, shared by both ops."""

from numba.core import config

# NUMBA_DISABLE_JIT=1, set for the sake of other code, would call functions of LLVM's vectors as Python.
config.DISABLE_JIT = 0  # type: ignore[attr-defined] # set by its reader of the environment
