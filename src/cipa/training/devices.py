"""Devices and arithmetic through Accelerate: one process, or one of several started by torchrun."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from cipa.errors import UsageError
from cipa.training.ddp import DdpOptions
from cipa.training.recipe import OptimisationRecipe, RunningRecipe

ACCELERATE_NAME = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


def choose_device(wanted: Literal["auto", "cpu", "cuda"]) -> str:
    """Choose the kind of device: "cuda" or "cpu".

    Raises:
        UsageError: CUDA is wanted and there is none.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: PyTorch sees no CUDA device here; use --device cpu or auto")
    return wanted


def choose_precision(wanted: str, device: str) -> Literal["bf16", "fp16", "fp32"]:
    """Choose the precision: auto is bf16 on a GPU that supports it, else fp32.

    Raises:
        UsageError: the device cannot do what is wanted.
    """
    bf16_gpu = device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    if wanted == "auto":
        return "bf16" if bf16_gpu else "fp32"
    if wanted == "fp16" and device != "cuda":
        raise UsageError("--precision fp16 needs a CUDA device; use bf16 or fp32 here")
    if wanted == "bf16" and device == "cuda" and not bf16_gpu:
        raise UsageError("--precision bf16: this GPU does not support it; use fp16 or fp32")
    return wanted  # type: ignore[return-value]


@contextmanager
def devices(optimisation: OptimisationRecipe, running: RunningRecipe) -> Iterator[Accelerator]:
    """Yield an Accelerator for one training run and release it afterwards.

    Started by torchrun, the processes meet here: over NCCL on GPUs, over gloo on CPUs. Do not call it inside
    a program that holds an Accelerator of its own: Accelerate keeps one set of devices for a process, and it
    is reset at the end so that another run may choose others.

    Args:
        optimisation: gives `precision`, already settled by `choose_precision`.
        running: gives `device`.

    Yields:
        The Accelerator.
    """
    accelerator = Accelerator(
        cpu=choose_device(running.device) == "cpu",
        mixed_precision=ACCELERATE_NAME[optimisation.precision],
    )
    accelerator.ddp_handler = DdpOptions()  # as an argument it may be no subclass
    try:
        yield accelerator
    finally:
        accelerator.end_training()
        AcceleratorState._reset_state(reset_partial_state=True)


def settle(optimisation: OptimisationRecipe, running: RunningRecipe) -> OptimisationRecipe:
    """Return `optimisation` with the precision resolved for the device of `running`."""
    return replace(
        optimisation, precision=choose_precision(optimisation.precision, choose_device(running.device))
    )
