"""Concurrent work on a GPU: `Branches`."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch


class Branches:
    """Tasks that run concurrently with the current stream, each on a stream of its own.

    Fusing one pair takes a fifth of a pass and leaves most of an H200 idle, which the encoder's later stages
    can use. Without gradients only: a backward pass would not know what has to wait for what.

    Args:
        device: of the tasks' tensors; None runs each task at once, where it is started.
    """

    def __init__(self, device: torch.device | None) -> None:
        self._streams = _streams(device) if device is not None else []
        self._main = torch.cuda.current_stream(device) if device is not None else None
        self._results: list[Any] = []
        self._read: list[Any] = []

    def start(self, task: Callable[..., Any], *arguments: Any) -> None:
        """Run `task(*arguments)`, on a GPU after what the current stream was given until now."""
        if self._main is None:
            self._results.append(task(*arguments))
            return
        stream = self._streams[len(self._results) % len(self._streams)]
        stream.wait_stream(self._main)
        self._read.append(arguments)  # their memory must not be given to others before the join
        with torch.cuda.stream(stream):
            self._results.append(task(*arguments))

    def join(self) -> list[Any]:
        """Make the current stream wait for all tasks; return their results in the order of their starts."""
        if self._main is not None:
            for stream in self._streams[: len(self._results)]:
                self._main.wait_stream(stream)
            self._read.clear()
        return self._results


@lru_cache(maxsize=16)
def _streams(device: torch.device) -> list[torch.cuda.Stream]:
    """Return streams of a GPU, always the same: cuBLAS keeps 32 MB of workspace for each it has met."""
    return [torch.cuda.Stream(device) for _ in range(4)]
