"""How long the first pass after an installation waits for kernels to be compiled."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch

from benchmarks import gpu_network, scan_cuda_choices


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    yield "inference", partial(first, False)
    yield "training", partial(first, True)


def first(training: bool, note: Callable[..., None]) -> None:
    """Time passes of one pair with the kernels cached, compiled, and loaded already."""
    from cipa.ops.scan.cuda import build

    scan_cuda_choices.set_backend("cuda")
    model = gpu_network.build("tiny", "cuda")
    if training:
        work, _ = gpu_network.training_step(model.train(), 1, "cuda", record=False)
    else:
        model.eval()
        pair = gpu_network.draw_pairs(model, 1, "cuda")

        def work() -> None:
            with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
                model(*pair)

    def seconds() -> float:
        torch.cuda.synchronize()
        begun = time.perf_counter()
        work()
        torch.cuda.synchronize()
        return time.perf_counter() - begun

    seconds()
    loaded, kernels = seconds(), len(build._kernels)
    build._kernels.clear()
    cached = seconds()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CIPA_CACHE"] = folder
        build._kernels.clear()
        compiled = seconds()
        kept = sum(file.stat().st_size for file in os.scandir(f"{folder}/kernels"))
        del os.environ["CIPA_CACHE"]
    note(
        "training" if training else "inference", kernels=kernels, loaded=loaded, cached=cached,
        compiled=compiled, kib=kept / 1024,
    )  # fmt: skip
