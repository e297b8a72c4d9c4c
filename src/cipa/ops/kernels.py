"""Which form of an op runs: the plain reference loop or a compiled kernel.

`CIPA_KERNELS` in the environment decides, `use_kernels` overrides it for a block. A forced form that cannot
run is an error; `auto` takes the fastest that can, and says once why where a GPU is left to the slow loop.
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

FORMS = ("auto", "reference", "cpu", "triton")

OLDEST_GPU = (8, 0)
"""Least compute capability Triton supports (Ampere)."""

_override: ContextVar[str | None] = ContextVar("cipa_kernels", default=None)


def requested_form() -> str:
    """Return the form asked for: "auto", "reference", "cpu" or "triton".

    Raises:
        UsageError: `CIPA_KERNELS` holds another word.
    """
    form = _override.get() or os.environ.get("CIPA_KERNELS") or "auto"
    return _known(form)


@contextmanager
def use_kernels(form: str) -> Iterator[None]:
    """Force a form of every op inside the block, for this thread or task alone.

    Args:
        form: one of `FORMS`.

    Raises:
        UsageError: an unknown form.
    """
    token = _override.set(_known(form))
    try:
        yield
    finally:
        _override.reset(token)


def form_for(x: Tensor) -> str:
    """Return the form that runs on this tensor: "reference", "cpu" or "triton".

    Args:
        x: the op's main input.

    Raises:
        UsageError: a forced kernel that cannot run on this tensor.
    """
    form = requested_form()
    if form == "reference":
        return form
    obstacles = {"cpu": _cpu_obstacle, "triton": _triton_obstacle}
    if form != "auto":
        obstacle = obstacles[form](x)
        if obstacle:
            raise UsageError(f"CIPA_KERNELS={form}: {obstacle}; unset it, or move the tensor")
        return form
    form = "cpu" if x.device.type == "cpu" else "triton"
    obstacle = obstacles[form](x)
    if obstacle and x.device.type == "cuda" and x.dtype != torch.float64:
        _warn_slow(obstacle)
    return "reference" if obstacle else form


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


def launcher(form: str) -> ModuleType:
    """Return the module whose `launch_forward` and `launch_backward` are this form of the scan.

    Imported when first asked for: Numba and Triton take a second each.
    """
    return importlib.import_module(f"cipa.ops.{form}.launch")


def _known(form: str) -> str:
    if form not in FORMS:
        raise UsageError(f"CIPA_KERNELS={form}: must be one of {', '.join(FORMS)}")
    return form


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


def _warn_slow(obstacle: str) -> None:
    if obstacle not in _warned:
        _warned.add(obstacle)
        warnings.warn(f"{obstacle}: the reference loop runs, right but slow", stacklevel=4)
