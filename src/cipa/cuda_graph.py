"""CUDA graphs: GPU work captured once and replayed without Python in between its kernels.

A pass of `tiny` starts a thousand small kernels and a training step four thousand; started one by one they
take longer than they run unless the batch is large. A replayed graph starts them all at once.

Source: whole-network capture as PyTorch's notes on CUDA graphs describe it.
"""

from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")

WARM_UP = 2
"""Runs before the capture: kernels are compiled and libraries set themselves up in them."""


def warm_up(work: Callable[[], object]) -> None:
    """Run work `WARM_UP` times on a stream of its own, as capture asks for.

    Args:
        work: starts kernels on the current device and stream, and waits for none of them.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            work()
    torch.cuda.current_stream().wait_stream(stream)


def capture(
    work: Callable[[], Result], capture_error_mode: str = "global"
) -> tuple[torch.cuda.CUDAGraph, Result]:
    """Capture work that has been warmed up.

    Args:
        work: starts the same kernels on the same memory at every call.
        capture_error_mode: `thread_local` where other threads allocate pinned memory meanwhile, as threads
            that read data do: then only this thread's calls count.

    Returns:
        The graph, and what `work` returned: tensors that each replay writes anew.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode=capture_error_mode):
        result = work()
    return graph, result
