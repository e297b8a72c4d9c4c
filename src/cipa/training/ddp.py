"""PyTorch's DistributedDataParallel as training uses it, set up so that it gives no warnings."""

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import DistributedDataParallelKwargs
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass
class DdpOptions(DistributedDataParallelKwargs):
    """Options of DDP, by the names that the installed PyTorch has for them.

    Buffers need no sending at each step: synchronised batch normalisation keeps them equal everywhere.
    """

    broadcast_buffers: bool = False
    gradient_as_bucket_view: bool = True

    def to_kwargs(self) -> dict[str, Any]:
        """Return the arguments for DDP."""
        given: dict[str, Any] = {"gradient_as_bucket_view": self.gradient_as_bucket_view}
        known = inspect.signature(DistributedDataParallel.__init__).parameters
        name = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"  # from 2.13
        return given | {name: self.broadcast_buffers}


def lay_out_gradients(model: nn.Module) -> None:
    """Give every gradient the strides of its parameter, which DDP's buckets expect.

    Convolutions give theirs with channels last, and dimensions of size one with any stride.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.register_hook(_like(parameter.shape, parameter.stride()))


def _like(shape: torch.Size, stride: tuple[int, ...]) -> Any:
    def lay_out(gradient: Tensor) -> Tensor:
        """Return the gradient with its parameter's strides."""
        if gradient.stride() == stride:
            return gradient
        own = torch.empty_strided(shape, stride, dtype=gradient.dtype, device=gradient.device)
        return own.copy_(gradient)

    return lay_out
