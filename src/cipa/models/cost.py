"""What one forward pass costs, counted without computing it."""

from typing import NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from cipa.models.registry import create_model


class Cost(NamedTuple):
    """Of one network.

    Attributes:
        parameters: numbers that are trained.
        gflop: of one forward pass of one pair; see `catalogue` for what is counted.
    """

    parameters: int
    gflop: float


def count(variant: str, image_size: int = 512) -> Cost:
    """Count parameters and operations of a network in evaluation mode.

    The pass runs on fake tensors: shapes without memory that say they are on the CPU, where a scan is one
    operation with a formula of its own (on PyTorch's meta device it would be a loop over positions).

    Args:
        variant: a name of `cipa models`.
        image_size: side of the images in pixels, a multiple of 128.

    Raises:
        UsageError: an unknown name, or MONAI is needed and absent.
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = create_model(variant, image_size=image_size).eval()
    counter = FlopCounterMode(display=False)
    with FakeTensorMode(allow_non_fake_inputs=True), counter, torch.no_grad():
        state = {name: torch.empty(t.shape, dtype=t.dtype) for name, t in model.state_dict().items()}
        image = torch.empty(1, 1, image_size, image_size)
        torch.func.functional_call(model, state, (image, image))
    return Cost(sum(p.numel() for p in model.parameters()), counter.get_total_flops() / 1e9)
