"""The whole network with the CUDA scan and with Triton's: published logits, inference, profile."""

import os
from collections.abc import Callable, Iterator
from functools import partial

import torch

from benchmarks import gpu_network
from benchmarks.gpu_network import Inference

CASES = (
    ("tiny", 16, "bf16"), ("tiny", 1, "bf16"), ("tiny", 16, "float32"), ("tiny", 1, "fp16"),
    ("tiny", 16, "fp16"), ("tiny", 1, "float32"), ("base", 16, "bf16"),
)  # fmt: skip


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    """Published logits first, then times, both backends in turns."""
    yield "published logits, masks", golden
    for case in CASES:
        for backend in ("cuda", "triton"):
            yield f"{case} {backend}", partial(infer, case, backend)
    yield "profile of 16 pairs", profile


def infer(case: tuple[str, int, str], backend: str, note: Callable[..., None]) -> None:
    """Time one compiled pass; the gate against exact float32 is the benchmark's own."""
    os.environ["CIPA_BACKEND"] = backend
    time, memory = gpu_network.infer(Inference(*case, 0.0), "cuda")
    note(
        f"inference {case[0]} {case[1]} {case[2]} {backend}",
        ms_a_pair=time.value,
        spread=time.spread,
        GiB=memory.value,
    )


def golden(note: Callable[..., None]) -> None:
    """Hold float32 logits against the published code's, fp16 and bf16 masks against float32's."""
    import numpy as np
    from tests.models.parity_fill import make_pair
    from tests.models.parity_network import parity_network

    os.environ["CIPA_BACKEND"] = "cuda"
    torch.backends.cudnn.allow_tf32 = False
    model, arrays = parity_network("tiny")
    model = model.cuda()
    pair = [torch.from_numpy(image).cuda() for image in make_pair(7)]
    with torch.inference_mode():
        exact = model(*pair)
        error = np.abs(exact.cpu().numpy()[0, 0, ::5, ::5] - arrays["logits"]).max()
        found = {"largest_error": float(error), "bound": 5e-4}
        for dtype in (torch.float16, torch.bfloat16):
            with torch.autocast("cuda", dtype):
                mask = model(*pair) > 0
            both = (mask & (exact > 0)).sum()
            found[f"dice_{dtype}"] = (2 * both / (mask.sum() + (exact > 0).sum())).item()
    with torch.enable_grad():
        logits = model(*pair)  # fused otherwise than without gradients
    grown = np.abs(logits.detach().cpu().numpy()[0, 0, ::5, ::5] - arrays["logits"]).max()
    torch.backends.cudnn.allow_tf32 = True
    note(
        "published logits, masks",
        ok=bool(error < 5e-4 and grown < 5e-4),
        with_gradients=float(grown),
        **found,
    )


def profile(note: Callable[..., None]) -> None:
    """Say where a pass of 16 pairs goes."""
    from benchmarks import gpu_profile

    os.environ["CIPA_BACKEND"] = "cuda"
    for row in gpu_profile.inference("tiny", 16, "cuda"):
        note(row.case, value=row.value, unit=row.unit, target=row.target)
