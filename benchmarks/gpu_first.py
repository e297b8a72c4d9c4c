"""How long the first pass after an installation waits for the CUDA kernels to be compiled."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch

from benchmarks import gpu_network
from benchmarks.harness import Row
from cipa.ops.scan.cuda import build, nvrtc


def works(device: str) -> Iterator[Callable[[], list[Row]]]:
    """Inference and training of one pair; nothing without a GPU."""
    if device == "cuda":
        yield partial(first, training=False)
        yield partial(first, training=True)


def first(*, training: bool) -> list[Row]:
    """Time passes of one pair with the kernels loaded, cached as cubins, and to be compiled."""
    model = gpu_network.build("tiny", "cuda")
    if training:
        work, _ = gpu_network.training_step(model.train(), 1, "cuda", record=False)
    else:
        work = partial(infer, model.eval(), gpu_network.draw_pairs(model, 1, "cuda"))
    for _ in range(2):  # Triton's kernels are compiled, cuDNN has chosen
        loaded = seconds(work)
    kernels = len(build._kernels)
    build._kernels.clear()
    cached = seconds(work)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CIPA_CACHE", folder)
        # NVRTC keeps what it compiled: 18 kernels once took 0.37 s again, where each takes 0.3 s at first.
        patch.setattr(nvrtc, "OPTIONS", (*nvrtc.OPTIONS, "--no-cache"))
        build._kernels.clear()
        compiled = seconds(work)
        size = sum(file.stat().st_size for file in os.scandir(f"{folder}/kernels"))
    case = f"tiny, 1 pair, {'training step' if training else 'inference'}"
    return [
        Row("gpu first pass", f"{case}, {kernels} kernels compiled", compiled - loaded, "s more", 0, "<= 5",
            on="cuda"),
        Row("gpu first pass", f"{case}, read from the cache", cached - loaded, "s more", on="cuda"),
        Row("gpu first pass", f"{case}, cubins", size / 1024, "KiB", on="cuda"),
    ]  # fmt: skip


def infer(model: torch.nn.Module, pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Run a pass in bfloat16."""
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
        model(*pair)


def seconds(work: Callable[[], None]) -> float:
    """Return the wall-clock time of `work`."""
    torch.cuda.synchronize()
    begun = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - begun
