"""What GPU kernels need to know of devices and of tensors in memory."""

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=16)
def multiprocessors(device: torch.device) -> int:
    """Return how many multiprocessors a GPU has; 2 for the CPU, for Triton's interpreter."""
    if device.type != "cuda":
        return 2
    return torch.cuda.get_device_properties(device).multi_processor_count


def evenly_spaced(x: Tensor) -> tuple[Tensor, int]:
    """Return a map and the elements from one of its pixels to the next.

    A map may be part of a wider one, as the halves of a product are.

    Args:
        x: (..., D); copied if its pixels do not lie evenly spaced in raster order.
    """
    strides = x.stride()
    spaced = all(strides[axis] == x.shape[axis + 1] * strides[axis + 1] for axis in range(x.dim() - 2))
    if strides[-1] == 1 and spaced:
        return x, strides[-2]
    return x.contiguous(), x.shape[-1]
