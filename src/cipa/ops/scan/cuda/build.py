"""From a kernel's source and constants to a kernel loaded on a device."""

import threading
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

import torch

from cipa.ops.scan.cuda import cache, nvrtc
from cipa.ops.scan.cuda.driver import Kernel

ELEMENTS = {torch.bfloat16: 0, torch.float16: 1, torch.float32: 2}
"""The kernels' numbers of their element types (`types.cu`)."""

PARTS = ("types", None, "intrinsics", "common")
"""Sources in front of a kernel's own; its constants stand in place of None."""

_kernels: dict[tuple[object, ...], Kernel] = {}
_lock = threading.Lock()


def source_of(kernel: str, constants: Mapping[str, int]) -> str:
    """Return the translation unit of `kernel`.cu with `constants` set.

    They are constants of the source, not macros of the command line: there `-D T=32` also changes the headers
    that NVRTC has built in.
    """
    values = "\n".join(f"constexpr int {name} = {value};" for name, value in constants.items())
    parts = [values if part is None else _text(part) for part in (*PARTS, kernel)]
    return "\n".join(parts)


def cubin_of(kernel: str, constants: Mapping[str, int], architecture: str) -> bytes:
    """Return the cubin, from the user's cache or compiled (0.3 to 0.5 s each) and kept there.

    Raises:
        CudaUnavailable: no NVRTC, or it does not know the architecture.
    """
    source = source_of(kernel, constants)
    name = cache.name_of(source, architecture, nvrtc.version(), *nvrtc.OPTIONS)
    cubin = cache.read(name)
    if cubin is None:
        cubin = nvrtc.compile_source(source, architecture)
        cache.write(name, cubin)
    return cubin


def kernel_on(
    device: torch.device, kernel: str, constants: Mapping[str, int], threads: int, shared_bytes: int
) -> Kernel:
    """Return a kernel of `kernel`.cu, named `scan_` and so, loaded on a GPU; loaded once.

    Raises:
        CudaUnavailable: it cannot be compiled or loaded here.
    """
    index = torch.cuda.current_device() if device.index is None else device.index
    key = (index, kernel, *constants.items())
    # Looked up without the lock first: once loaded, a launch from any thread waits for none.
    found = _kernels.get(key)
    if found is None:
        with _lock:
            found = _kernels.get(key)
            if found is None:
                major, minor = torch.cuda.get_device_capability(index)
                cubin = cubin_of(kernel, constants, f"sm_{major}{minor}")
                found = Kernel(cubin, f"scan_{kernel}", index, threads, shared_bytes)
                _kernels[key] = found
    return found


@lru_cache(maxsize=8)
def _text(name: str) -> str:
    return files("cipa.ops.scan.cuda").joinpath(f"{name}.cu").read_text(encoding="utf-8")
