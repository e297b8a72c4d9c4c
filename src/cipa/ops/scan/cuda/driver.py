"""Cubins on a GPU by the driver's C interface: load a module, start its kernel on PyTorch's stream.

NVIDIA, "CUDA Driver API", docs.nvidia.com/cuda/cuda-driver-api. PyTorch's context is the primary one of a
device; it is pushed around every call, as a thread of autograd may not have it.
"""

import ctypes
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from cipa.ops.scan.cuda.errors import CudaUnavailable

MAX_DYNAMIC_SHARED_BYTES = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
PREFERRED_CARVEOUT = 9  # CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, percent
CAPTURE_RELAXED = 2  # CU_STREAM_CAPTURE_MODE_RELAXED
PARAM_END, PARAM_BUFFER, PARAM_SIZE = 0, 1, 2  # CU_LAUNCH_PARAM_*


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """Load the driver.

    Raises:
        CudaUnavailable: it is not installed.
    """
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError as error:
        raise CudaUnavailable(f"{name}, the NVIDIA driver, is not found") from error
    # Said once: ctypes would pass a stream's handle as 32 bits.
    driver.cuLaunchKernel.argtypes = (ctypes.c_void_p, *[ctypes.c_uint] * 7, *[ctypes.c_void_p] * 3)
    _check(driver, driver.cuInit(0), "initialisation")
    return driver


class Kernel:
    """A kernel loaded on one device.

    Args:
        cubin: what NVRTC made.
        name: of the kernel in it.
        device: index of the GPU.
        threads: of a block.
        shared_bytes: dynamic shared memory of a block.

    Raises:
        CudaUnavailable: the driver does not take it: too old for the cubin, out of memory.
    """

    def __init__(self, cubin: bytes, name: str, device: int, threads: int, shared_bytes: int) -> None:
        self._driver = driver = library()
        self._context = _primary_context(device)
        self._threads, self._shared_bytes = threads, shared_bytes
        self._function = ctypes.c_void_p()
        module = ctypes.c_void_p()
        # A module may be loaded in the middle of a capture: the first pass of all may be the one captured.
        with self._current(), _relaxed_capture(driver):
            _check(driver, driver.cuModuleLoadData(ctypes.byref(module), cubin), f"loading {name}")
            found = driver.cuModuleGetFunction(ctypes.byref(self._function), module, name.encode())
            _check(driver, found, f"finding {name}")
            # More than 48 KB a block are given to those alone that ask for them.
            for attribute, value in ((MAX_DYNAMIC_SHARED_BYTES, shared_bytes), (PREFERRED_CARVEOUT, 100)):
                set_ = driver.cuFuncSetAttribute(self._function, attribute, value)
                _check(driver, set_, f"{shared_bytes} bytes of shared memory for {name}")

    def blocks_per_unit(self) -> int:
        """Return how many blocks a multiprocessor holds at once."""
        count = ctypes.c_int()
        with self._current():
            code = self._driver.cuOccupancyMaxActiveBlocksPerMultiprocessor(
                ctypes.byref(count), self._function, self._threads, ctypes.c_size_t(self._shared_bytes)
            )
        _check(self._driver, code, "occupancy")
        return count.value

    def launch(self, blocks: int, stream: int, arguments: bytes) -> None:
        """Start the kernel.

        Args:
            blocks: of the grid, in x.
            stream: handle of the stream.
            arguments: as `pack` gives them.

        Raises:
            RuntimeError: the driver refuses the launch.
        """
        # One buffer in place of an array of pointers to each argument: one ctypes object a launch, not 24.
        buffer = ctypes.create_string_buffer(arguments, len(arguments))
        size = ctypes.c_size_t(len(arguments))
        extra = (ctypes.c_void_p * 5)(
            PARAM_BUFFER, ctypes.addressof(buffer), PARAM_SIZE, ctypes.addressof(size), PARAM_END
        )
        with self._current():
            code = self._driver.cuLaunchKernel(
                self._function, blocks, 1, 1, self._threads, 1, 1, self._shared_bytes, stream, None, extra
            )
        if code:
            raise RuntimeError(
                f"CUDA scan: the launch of {blocks} blocks failed: {_message(self._driver, code)}"
            )

    @contextmanager
    def _current(self) -> Iterator[None]:
        _check(self._driver, self._driver.cuCtxPushCurrent_v2(self._context), "context")
        try:
            yield
        finally:
            self._driver.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))


def pack(pointers: tuple[int, ...], numbers: tuple[int, ...]) -> bytes:
    """Lay out a kernel's arguments as C does: 64-bit pointers first, then 32-bit integers, without gaps.

    Raises:
        ValueError: a number does not fit 32 bits.
    """
    try:
        return struct.pack(f"={len(pointers)}Q{len(numbers)}i", *pointers, *numbers)
    except struct.error as error:
        raise ValueError(f"CUDA scan: a size of {numbers} is more than 32 bits hold") from error


_contexts: dict[int, ctypes.c_void_p] = {}
_contexts_lock = threading.Lock()


def _primary_context(device: int) -> ctypes.c_void_p:
    """Return PyTorch's context of a device; held until the process ends, as PyTorch holds it."""
    with _contexts_lock:
        if device not in _contexts:
            driver = library()
            handle, context = ctypes.c_int(), ctypes.c_void_p()
            _check(driver, driver.cuDeviceGet(ctypes.byref(handle), device), f"device {device}")
            retained = driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), handle)
            _check(driver, retained, f"context of device {device}")
            _contexts[device] = context
        return _contexts[device]


@contextmanager
def _relaxed_capture(driver: ctypes.CDLL) -> Iterator[None]:
    """Let a module be loaded though a stream of this thread is being captured into a CUDA graph."""
    mode = ctypes.c_int(CAPTURE_RELAXED)
    driver.cuThreadExchangeStreamCaptureMode(ctypes.byref(mode))
    try:
        yield
    finally:
        driver.cuThreadExchangeStreamCaptureMode(ctypes.byref(mode))


def _check(driver: ctypes.CDLL, code: int, what: str) -> None:
    if code:
        raise CudaUnavailable(f"NVIDIA driver, {what}: {_message(driver, code)}")


def _message(driver: ctypes.CDLL, code: int) -> str:
    text = ctypes.c_char_p()
    driver.cuGetErrorString(code, ctypes.byref(text))
    return f"{(text.value or b'unknown error').decode()} ({code})"
