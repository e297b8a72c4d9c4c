"""Whether the CUDA kernels can run on a GPU, and whether they should without being asked for."""

from functools import lru_cache

import torch

from cipa.ops.scan.cuda import driver, nvrtc
from cipa.ops.scan.cuda.errors import CudaUnavailable

OLDEST_GPU = (8, 0)
"""Least compute capability: asynchronous copies and barriers in shared memory."""

FASTER_ON = ((9, 0),)
"""Compute capabilities on which they were measured to be faster than Triton's."""


def faster_on(device: torch.device) -> bool:
    """Return whether they were measured to be the fastest on such a GPU."""
    return torch.version.hip is None and torch.cuda.get_device_capability(device) in FASTER_ON


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
