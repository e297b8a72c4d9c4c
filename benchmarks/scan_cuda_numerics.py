"""The whole network's numbers: published logits, masks of half precision, gradients against Triton's."""

import os
from collections.abc import Callable, Iterator
from functools import partial

import torch

from benchmarks import gpu_network
from benchmarks.scan_cuda_gate import relative


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    """Gradients in each arithmetic, then published logits."""
    for dtype in (None, torch.bfloat16, torch.float16):
        yield f"gradients, {dtype}", partial(gradients, dtype)
    yield "published logits, masks", golden


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
