"""How the threads of a processor are shared among forward passes."""

from functools import cache

import torch

from cipa.devices import choose_device


def split_threads(device: str | torch.device, batch_size: int) -> int:
    """Let this process run several forward passes side by side on a CPU, each on its share of the threads.

    Passes that wait for nobody do without the barrier that ends each of a thousand operations, at which
    threads spin and take time from those that read, measure and write beside them. For a command, whose
    process is its own: PyTorch's number of threads is changed for all that follows.

    Args:
        device: where the network will run, as `choose_device` takes it.
        batch_size: slices in all these passes together: memory does not grow.

    Returns:
        How many passes to run side by side, `passes` of `SlicePredictor`; 1 on a GPU.

    Raises:
        UsageError: as `choose_device`.
    """
    if choose_device(device).type != "cpu":
        return 1
    threads = _threads()
    passes = max(1, min(threads, batch_size))
    torch.set_num_threads(threads // passes)
    return passes


@cache
def _threads() -> int:
    """Return PyTorch's number of threads before the first split."""
    return torch.get_num_threads()
