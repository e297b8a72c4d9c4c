"""Which form of an op runs: the plain reference loop or a compiled kernel.

`CIPA_KERNELS` in the environment decides, `use_kernels` overrides it for a block. A forced form that cannot
run is an error; `auto` takes the fastest that can.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from cipa.errors import UsageError

FORMS = ("auto", "reference", "cpu")

_override: ContextVar[str | None] = ContextVar("cipa_kernels", default=None)


def requested_form() -> str:
    """Return the form asked for: "auto", "reference" or "cpu".

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
    """Return the form that runs on this tensor: "reference" or "cpu".

    Args:
        x: the op's main input.

    Raises:
        UsageError: the CPU kernel is forced on a tensor of another device or of float64.
    """
    form = requested_form()
    runs_on_cpu = x.device.type == "cpu" and x.dtype != torch.float64
    if form == "cpu" and not runs_on_cpu:
        raise UsageError(
            f"CIPA_KERNELS=cpu: the CPU kernel takes float32 or narrower CPU tensors, not {x.dtype} on "
            f"{x.device}; unset it, or move the tensor"
        )
    if form == "auto":
        form = "cpu" if runs_on_cpu else "reference"
        if x.device.type == "cuda":
            _warn_slow()
    return form


def _known(form: str) -> str:
    if form not in FORMS:
        raise UsageError(f"CIPA_KERNELS={form}: must be one of {', '.join(FORMS)}")
    return form


_warned = False


def _warn_slow() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "no GPU form of the selective scan yet: the reference loop runs, right but slow", stacklevel=4
        )
