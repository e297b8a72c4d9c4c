"""Where the network runs, chosen by name."""

import torch

from cipa.errors import UsageError


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """Turn a name into a device that is there.

    `auto` is the first CUDA GPU if there is one, otherwise the CPU; Apple's `mps` is taken only when named.

    Args:
        name: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.

    Returns:
        The device.

    Raises:
        UsageError: the name is unknown, or no such device is here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"unknown device '{name}': choose auto, cpu, cuda, cuda:N or mps") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"device '{name}': {torch.cuda.device_count()} CUDA GPUs here; choose auto or cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError(f"device '{name}': no Apple GPU here; choose auto or cpu")
    if device.type not in ("cpu", "cuda", "mps"):
        raise UsageError(f"device '{name}' is not supported: choose auto, cpu, cuda, cuda:N or mps")
    return device
