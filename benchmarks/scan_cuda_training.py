"""Training steps with the CUDA scan and with Triton's: times, gradients of a whole step, profile."""

import os
from collections.abc import Callable, Iterator
from functools import partial

import torch

from benchmarks import gpu_network
from benchmarks.gpu_network import Training
from benchmarks.scan_cuda_gate import relative

CASES = (("tiny", 16), ("tiny", 4), ("base", 4))


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    """Gradients first."""
    for dtype in (None, torch.bfloat16, torch.float16):
        yield f"gradients, {dtype}", partial(gradients, dtype)
    for case in CASES:
        for backend in ("cuda", "triton"):
            yield f"{case} {backend}", partial(train, case, backend)
    yield "profile of 4 pairs", profile


def train(case: tuple[str, int], backend: str, note: Callable[..., None]) -> None:
    """Time steps on one batch."""
    os.environ["CIPA_BACKEND"] = backend
    time, memory = gpu_network.train(Training(*case, 0.0, 0.0), "cuda")
    note(f"training {case[0]} {case[1]} {backend}", ms=time.value, spread=time.spread, GiB=memory.value)


def gradients(dtype: torch.dtype | None, note: Callable[..., None]) -> None:
    """Compare every parameter's gradient of one step of two pairs by the two backends."""
    model = gpu_network.build("tiny", "cuda").eval()  # no drop paths
    ct, pet = gpu_network.draw_pairs(model, 2, "cuda")
    torch.backends.cudnn.deterministic = True
    found = {}
    for backend in ("triton", "triton again", "cuda"):
        os.environ["CIPA_BACKEND"] = backend.split()[0]
        model.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype or torch.bfloat16, enabled=dtype is not None):
            logits = model(ct, pet)
        (logits.float().sigmoid() * torch.linspace(0, 1, ct.shape[-1], device="cuda")).mean().backward()
        found[backend] = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    errors = {name: relative(found["cuda"][name], truth) for name, truth in found["triton"].items()}
    noise = {name: relative(found["triton again"][name], truth) for name, truth in found["triton"].items()}
    ranked = sorted(errors, key=errors.get, reverse=True)[:6]
    total = torch.stack(
        [found["cuda"][name].sub(truth).norm() for name, truth in found["triton"].items()]
    ).norm()
    whole = torch.stack([truth.norm() for truth in found["triton"].values()]).norm()
    note(
        f"gradients of a step, {dtype}", of_norm=(total / whole).item(), noise_of_triton=max(noise.values()),
        worst=[(name, f"{errors[name]:.1e}") for name in ranked],
    )  # fmt: skip


def profile(note: Callable[..., None]) -> None:
    """Say where a step of 4 pairs goes."""
    from benchmarks import gpu_profile

    os.environ["CIPA_BACKEND"] = "cuda"
    for row in gpu_profile.training("tiny", 4, "cuda"):
        note(row.case, value=row.value, unit=row.unit, target=row.target)
