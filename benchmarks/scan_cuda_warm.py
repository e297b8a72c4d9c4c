"""Passes and steps of the network that only make Triton and NVRTC compile its kernels."""

import os
from collections.abc import Callable, Iterator
from functools import partial

import torch

import cipa
from benchmarks import gpu_network


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    """Inference, then a training step, by both backends."""
    for backend in ("triton", "cuda"):
        yield f"inference, {backend}", partial(infer, backend)
    for backend in ("triton", "cuda"):
        yield f"training, {backend}", partial(train, backend)


def infer(backend: str, note: Callable[..., None]) -> None:
    """Pass 16 pairs in bfloat16, as the network's first rows do."""
    os.environ["CIPA_BACKEND"] = backend
    model = gpu_network.build("tiny", "cuda").eval()
    cipa.compile_model(model, 16, "bf16")
    with torch.inference_mode():
        model(*gpu_network.draw_pairs(model, 1, "cuda"))
    note(f"inference, {backend}", ran=True)


def train(backend: str, note: Callable[..., None]) -> None:
    """Take one step of two pairs in bfloat16."""
    os.environ["CIPA_BACKEND"] = backend
    model = gpu_network.build("tiny", "cuda").train()
    step, _ = gpu_network.training_step(model, 2, "cuda", record=False)
    step()
    note(f"training, {backend}", ran=True)
