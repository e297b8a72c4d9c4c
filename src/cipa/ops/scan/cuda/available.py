"""Whether the CUDA kernels can run on a GPU, and whether they should without being asked for."""

from functools import lru_cache

import torch
from torch import Tensor

from cipa.ops.scan.cuda import driver, nvrtc
from cipa.ops.scan.cuda.build import ELEMENTS
from cipa.ops.scan.cuda.errors import CudaUnavailable
from cipa.ops.scan.cuda.plan import takes, worthwhile

OLDEST_GPU = (8, 0)
"""Least compute capability: asynchronous copies and barriers in shared memory."""

FASTER_ON = ((9, 0),)
"""Compute capabilities on which they were measured to be faster than Triton's."""


def is_faster(x: Tensor, A_logs: Tensor) -> bool:
    """Return whether such a scan was measured to be faster than Triton's on such a GPU.

    Args:
        x: what is scanned, (B, H, W, D) or (B, L, D), on a GPU.
        A_logs: (K, D, N) or (D, N).
    """
    if torch.version.hip is not None or torch.cuda.get_device_capability(x.device) not in FASTER_ON:
        return False
    channels, states = A_logs.shape[-2:]
    batch, length = x.shape[0], x.numel() // max(1, x.shape[0] * channels)
    directions = A_logs.numel() // max(1, channels * states)
    return shape_obstacle(x, A_logs) is None and worthwhile(batch, length, channels, directions)


def shape_obstacle(x: Tensor, A_logs: Tensor) -> str | None:
    """Return why they do not take such a scan, whose tensors are as in `is_faster`; None where they do."""
    channels, states = A_logs.shape[-2:]
    if not takes(channels, states):
        return (
            "the CUDA kernel takes channels in multiples of 8, and 4 or 16 states, not "
            f"{channels} and {states}"
        )
    return None if x.dtype in ELEMENTS else f"the CUDA kernel does not take {x.dtype}"


@lru_cache(maxsize=16)
def obstacle_on(device: torch.device) -> str | None:
    """Return why they cannot run on a GPU, in a line; None where nothing speaks against it."""
    if torch.version.hip is not None:
        return "the CUDA kernel needs an NVIDIA GPU, PyTorch is built for ROCm"
    capability = torch.cuda.get_device_capability(device)
    if capability < OLDEST_GPU:
        name = torch.cuda.get_device_name(device)
        return f"{name} has compute capability {capability[0]}.{capability[1]}, the CUDA kernel needs 8.0"
    try:
        driver.library()
        nvrtc.version()
    except CudaUnavailable as error:
        return str(error)
    return None
