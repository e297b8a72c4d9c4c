"""CUDA C++ to a cubin by NVRTC, the compiler as a library that PyTorch's CUDA build brings.

Its C interface has been stable for a decade; PyTorch's own way to it is private and changes with releases.
NVIDIA, "NVRTC (Runtime Compilation)", docs.nvidia.com/cuda/nvrtc.
"""

import ctypes
import os
import re
import sys
from functools import lru_cache
from pathlib import Path

from cipa.ops.scan.cuda.errors import CudaUnavailable

OPTIONS = ("--std=c++17", "-default-device")


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """Load NVRTC from the packages beside PyTorch, from its own folder or from the system.

    Raises:
        CudaUnavailable: there is none.
    """
    for path in _candidates():
        try:
            # NVRTC looks its builtins up by name: they must be loaded before it, wherever they lie.
            for builtins in sorted(path.parent.glob("*nvrtc-builtins*")):
                if ".alt." not in builtins.name:
                    ctypes.CDLL(str(builtins), mode=ctypes.RTLD_GLOBAL)
            return ctypes.CDLL(str(path))
        except OSError:
            continue
    for name in ("libnvrtc.so.13", "libnvrtc.so.12"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise CudaUnavailable("NVRTC is not found (PyTorch's CUDA builds bring it: libnvrtc.so.12 or .13)")


@lru_cache(maxsize=1)
def version() -> str:
    """Return NVRTC's version, as "13.0".

    Raises:
        CudaUnavailable: there is no NVRTC.
    """
    major, minor = ctypes.c_int(), ctypes.c_int()
    _check(library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)), "version")
    return f"{major.value}.{minor.value}"


def compile_source(source: str, architecture: str) -> bytes:
    """Compile a translation unit without headers.

    Args:
        source: CUDA C++.
        architecture: real one, as "sm_90".

    Returns:
        The cubin.

    Raises:
        CudaUnavailable: no NVRTC, or it does not take the source or the architecture; the log's first error.
    """
    nvrtc = library()
    program = ctypes.c_void_p()
    _check(
        nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"scan.cu", 0, None, None), "program"
    )
    try:
        options = [f"--gpu-architecture={architecture}", *OPTIONS]
        failed = nvrtc.nvrtcCompileProgram(
            program, len(options), (ctypes.c_char_p * len(options))(*(word.encode() for word in options))
        )
        if failed:
            raise CudaUnavailable(
                f"NVRTC {version()} does not compile the scan for {architecture}: "
                f"{_first_error(_read(nvrtc, program, 'ProgramLog').decode(errors='replace'))}"
            )
        cubin = _read(nvrtc, program, "CUBIN")
        if not cubin:
            raise CudaUnavailable(f"NVRTC {version()} makes no code for {architecture}")
        return cubin
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _candidates() -> list[Path]:
    """Return the libraries that may be NVRTC: NVIDIA's wheels, then PyTorch's folder, newest first."""
    folders: list[Path] = []
    for root in map(Path, sys.path):
        folders += sorted(root.glob("nvidia/*/lib"), reverse=True)
        folders += sorted(root.glob("nvidia/*/bin"), reverse=True)
        folders.append(root / "torch" / "lib")
    extra = os.environ.get("CUDA_HOME") or "/usr/local/cuda"
    folders.append(Path(extra) / "lib64")
    found = []
    for folder in folders:
        found += sorted(
            (p for p in folder.glob("libnvrtc*.so*") if re.fullmatch(r"libnvrtc(-\w+)?\.so\.\d+", p.name)),
            reverse=True,
        )
        found += sorted((p for p in folder.glob("nvrtc64_*.dll") if "alt" not in p.name), reverse=True)
    return found


def _read(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    _check(getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)), what)
    out = ctypes.create_string_buffer(size.value)
    _check(getattr(nvrtc, f"nvrtcGet{what}")(program, out), what)
    return out.raw[: size.value]


def _first_error(log: str) -> str:
    lines = [line.strip("\0 ") for line in log.splitlines() if line.strip("\0 ")]
    return next((line for line in lines if "error" in line), lines[0] if lines else "no log")


def _check(code: int, what: str) -> None:
    if code:
        nvrtc = library()
        nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
        message = nvrtc.nvrtcGetErrorString(code) or b"unknown"
        raise CudaUnavailable(f"NVRTC, {what}: {message.decode()} ({code})")
