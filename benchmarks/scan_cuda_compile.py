"""Compilation of every kernel that the sweep will load, in several processes."""

from collections.abc import Callable, Iterator

from benchmarks.scan_cuda_sweep import compile_all


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    yield "kernels of the sweep", compile_all
