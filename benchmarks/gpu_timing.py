"""Time, memory and replay on a GPU; on a CPU the same calls time plainly, to try them there."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cipa.training.graph_step import GraphedGradients

Work = Callable[[], Any]


def milliseconds(work: Work, device: str, repeats: int = 7, warm_up: int = 2) -> tuple[float, float]:
    """Return median and spread of `work`, by events on the GPU's own clock."""
    for _ in range(warm_up):
        work()
    times = [_once(work, device) for _ in range(repeats)]
    return statistics.median(times), max(times) - min(times)


def replayed(work: Work, device: str) -> Work:
    """Record `work` as a CUDA graph and return its replay, without Python's time. On a CPU, `work`."""
    if device == "cpu":
        return work
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = work()

    def replay() -> Any:
        graph.replay()
        return kept

    return replay


def gradients_of(
    loss: Callable[..., Tensor], samples: Sequence[Tensor], model: nn.Module, *, record: bool
) -> Callable[..., Tensor]:
    """Return a function of samples that adds the loss's gradients and gives the loss, recorded or plain."""
    if record:
        return GraphedGradients(loss, samples, model)

    def add(*samples: Tensor) -> Tensor:
        value = loss(*samples)
        value.backward()
        return value.detach()

    return add


def peak_gib(work: Work, device: str) -> float:
    """Return the most memory PyTorch held on the GPU during `work`, in GiB; not a number on a CPU."""
    if device == "cpu":
        work()
        return float("nan")
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    work()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() / 2**30


def free(device: str) -> None:
    """Give back what the benchmark before left in PyTorch's cache."""
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.empty_cache()


def _once(work: Work, device: str) -> float:
    if device == "cpu":
        start = time.perf_counter()
        work()
        return 1e3 * (time.perf_counter() - start)
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    before.record()
    work()
    after.record()
    torch.cuda.synchronize()
    return before.elapsed_time(after)
