"""Which backend of an op runs: the plain reference loop or a compiled kernel.

`CIPA_BACKEND` in the environment decides, `use_backend` overrides it for a block. A forced backend that
cannot run is an error; `auto` takes the fastest that can, and says once why where a GPU is left to the slow
loop.
"""

import importlib
import importlib.util
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from types import ModuleType

import torch
from torch import Tensor

from cipa.errors import UsageError

BACKENDS = ("auto", "reference", "cpu", "triton", "cuda")

OLDEST_GPU = (8, 0)
"""Least compute capability Triton supports (Ampere)."""

CPU_LANES = 16
"""Channels in a vector of the CPU's kernels."""

_override: ContextVar[str | None] = ContextVar("cipa_backend", default=None)


def requested_backend() -> str:
    """Return the backend asked for, one of `BACKENDS`.

    Raises:
        UsageError: `CIPA_BACKEND` holds another word.
    """
    backend = _override.get() or os.environ.get("CIPA_BACKEND") or "auto"
    return _known(backend)


@contextmanager
def use_backend(backend: str) -> Iterator[None]:
    """Force a backend of every op inside the block, for this thread or task alone.

    Args:
        backend: one of `BACKENDS`.

    Raises:
        UsageError: an unknown backend.
    """
    token = _override.set(_known(backend))
    try:
        yield
    finally:
        _override.reset(token)


def backend_for(x: Tensor) -> str:
    """Return the backend that runs on this tensor: "reference", "cpu" or "triton".

    Only the scan has kernels in CUDA C++ (`scan_backend_for`); where "cuda" is forced, all else is Triton's.

    Args:
        x: the op's main input.

    Raises:
        UsageError: a forced kernel that cannot run on this tensor.
    """
    backend = requested_backend()
    if backend == "reference":
        return backend
    obstacles = {"cpu": _cpu_obstacle, "triton": _triton_obstacle, "cuda": _cuda_obstacle}
    if backend != "auto":
        obstacle = obstacles[backend](x)
        if obstacle:
            raise UsageError(f"CIPA_BACKEND={backend}: {obstacle}; unset it, or move the tensor")
        return "triton" if backend == "cuda" else backend
    backend = "cpu" if x.device.type == "cpu" else "triton"
    obstacle = obstacles[backend](x)
    if obstacle and x.device.type == "cuda" and x.dtype != torch.float64:
        _warn_once(f"{obstacle}: the reference loop runs, right but slow")
    return "reference" if obstacle else backend


def is_fused_on_cpu(x: Tensor) -> bool:
    """Return whether the CPU's compiled passes take the place of several of PyTorch's operations.

    They compute float32 and have no backward pass, and what records operations (an export, a compiler, a
    counter on fake tensors) must see PyTorch's. Their vectors need sixteen channels.

    Args:
        x: the op's main input, channels last.

    Raises:
        UsageError: a forced kernel that cannot run on this tensor.
    """
    return (
        type(x) is Tensor
        and x.dtype == torch.float32
        and x.shape[-1] >= CPU_LANES
        and backend_for(x) == "cpu"
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
    )


def scan_backend_for(x: Tensor, A_logs: Tensor) -> str:
    """Return the backend of the scan on these tensors: as `backend_for`, or "cuda".

    By itself it is taken for the shapes and on the GPUs on which it was measured to be faster than Triton.

    Args:
        x: what is scanned, (B, H, W, D) or (B, L, D).
        A_logs: (K, D, N) or (D, N).

    Raises:
        UsageError: a forced kernel that cannot run on these tensors.
    """
    backend, requested = backend_for(x), requested_backend()
    if backend != "triton" or requested == "triton" or x.device.type != "cuda":
        return backend
    cuda = _cuda_scan()
    if requested == "cuda":
        obstacle = cuda.shape_obstacle(x, A_logs)
        if obstacle:
            raise UsageError(f"CIPA_BACKEND=cuda: {obstacle}; unset it")
        return requested
    if cuda.is_faster(x, A_logs):
        obstacle = cuda.obstacle_on(x.device)
        if not obstacle:
            return "cuda"
        _warn_once(f"{obstacle}: Triton's scan runs, right but slower")
    return backend


def require_fit(op: str, x: Tensor, expected: Mapping[str, tuple[Tensor | None, tuple[int, ...]]]) -> None:
    """Raise `ValueError` naming the first tensor that has not its shape or is on another device than x.

    Args:
        op: the op's name, for the message.
        x: the op's main input.
        expected: for each name the tensor (None is passed over) and the shape it must have.
    """
    for name, (tensor, shape) in expected.items():
        if tensor is None:
            continue
        if tuple(tensor.shape) != shape:
            raise ValueError(
                f"{op}: {name} is {tuple(tensor.shape)}, must be {shape} for an input {tuple(x.shape)}"
            )
        if tensor.device != x.device:
            raise ValueError(f"{op}: {name} is on {tensor.device}, the input on {x.device}: move one")


def launcher(backend: str) -> ModuleType:
    """Return the module whose `launch_forward` and `launch_backward` are this backend of the scan.

    Imported when first asked for: Numba and Triton take a second each.
    """
    return importlib.import_module(f"cipa.ops.scan.{backend}.launch")


def _known(backend: str) -> str:
    if backend not in BACKENDS:
        raise UsageError(f"CIPA_BACKEND={backend}: must be one of {', '.join(BACKENDS)}")
    return backend


def _cpu_obstacle(x: Tensor) -> str | None:
    if x.device.type == "cpu" and x.dtype != torch.float64:
        return None
    return f"the CPU kernel takes float32 or narrower CPU tensors, not {x.dtype} on {x.device}"


def _triton_obstacle(x: Tensor) -> str | None:
    if x.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return f"the Triton kernel takes float32, bfloat16 or float16, not {x.dtype}"
    if not _triton_installed():
        return "Triton is not installed (PyTorch brings it on Linux)"
    if x.device.type == "cuda":
        return _gpu_obstacle(x.device)
    if x.device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1":
        return None
    return f"the Triton kernel takes tensors on a CUDA GPU, not on {x.device}"


def _cuda_obstacle(x: Tensor) -> str | None:
    if x.device.type != "cuda":
        return f"the CUDA kernel takes tensors on a CUDA GPU, not on {x.device}"
    return _triton_obstacle(x) or _cuda_scan().obstacle_on(x.device)


def _cuda_scan() -> ModuleType:
    return importlib.import_module("cipa.ops.scan.cuda.available")


@lru_cache(maxsize=1)
def _triton_installed() -> bool:
    return importlib.util.find_spec("triton") is not None


@lru_cache(maxsize=16)
def _gpu_obstacle(device: torch.device) -> str | None:
    capability = torch.cuda.get_device_capability(device)
    if capability >= OLDEST_GPU:
        return None
    name = torch.cuda.get_device_name(device)
    return f"{name} has compute capability {capability[0]}.{capability[1]}, Triton needs 8.0"


_warned: set[str] = set()


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, stacklevel=4)
