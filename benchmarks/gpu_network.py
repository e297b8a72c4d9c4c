"""The network on a GPU at 512 x 512: by either backend of the scan, and what the published code takes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

import cipa
from benchmarks.gpu_timing import gradients_of, milliseconds, peak_gib
from benchmarks.harness import Row, require
from cipa.ops import use_backend
from cipa.training.loss import segmentation_loss

LOGIT_ERROR = {"float32": 1e-4, "fp16": 1e-2, "bf16": 5e-2}
"""Largest norm of the error over that of the exact logits less their mean; random masks mean nothing."""


BACKENDS = {"cuda": "", "triton": ", Triton's scan"}
"""The scan's backends, and what rows of each are called beside the benchmark's name."""


@dataclass(frozen=True)
class Inference:
    """One compiled pass. `published` is the published code's ms a pair on an H200 and on an H100."""

    variant: str
    batch: int
    dtype: str
    published: tuple[float, float]
    target: str = ""


@dataclass(frozen=True)
class Training:
    """One step in bfloat16 autocast. Published: ms a step on an H200 and on an H100, and GiB."""

    variant: str
    batch: int
    published: tuple[float, float]
    published_gib: float
    target: str = ""
    target_gib: str = ""


INFERENCE = (
    Inference("tiny", 1, "float32", (43.8, 43.8)),
    Inference("tiny", 1, "fp16", (43.8, 43.8), "<= 4.5"),
    Inference("tiny", 1, "bf16", (43.8, 43.8), "<= 4.5"),
    Inference("tiny", 16, "float32", (443 / 16, 29.6), "<= 4.3"),
    Inference("tiny", 16, "fp16", (397 / 16, 27.0), "<= 2.2"),
    Inference("tiny", 16, "bf16", (401 / 16, 27.0), "<= 2.2"),
    Inference("base", 16, "bf16", (676 / 16, 46.6), "<= 4.6"),
)
TRAINING = (
    Training("tiny", 4, (324, 357), 19.1, "<= 72", "<= 4.8"),
    Training("tiny", 16, (1172, 1242), 73.9, "<= 205", "<= 15.2"),
    Training("base", 4, (534, 567), 34.9, "<= 130"),
)


def works(device: str) -> Iterator[Callable[[], list[Row]]]:
    """Every row of the two tables by both backends; on a CPU one tiny one of each, to see that it runs."""
    if device != "cuda":
        yield partial(infer, Inference("nano", 1, "bf16", (1.0, 1.0)), device)
        yield partial(train, Training("nano", 2, (1.0, 1.0), 1.0), device)
        return
    for backend in BACKENDS:
        yield from (partial(with_scan, backend, infer, case) for case in INFERENCE)
    for backend in BACKENDS:
        yield from (partial(with_scan, backend, train, case) for case in TRAINING)


def with_scan(backend: str, work: Callable[..., list[Row]], case: Inference | Training) -> list[Row]:
    """Run a work on the GPU with Triton's scan, or with "cuda" as users do: by the dispatch's own choice."""
    with use_backend("auto" if backend == "cuda" else backend):
        rows = work(case, "cuda")
    return [replace(row, benchmark=row.benchmark + BACKENDS[backend]) for row in rows]


def published_here(times: tuple[float, float]) -> float:
    """Return the time on this card's kind: an H100 where that is what runs, else an H200."""
    return times[torch.cuda.is_available() and "H100" in torch.cuda.get_device_name()]


def build(variant: str, device: str) -> nn.Module:
    """Return a network with its initial weights, the same at every call; small where there is no GPU."""
    torch.manual_seed(0)
    return cipa.create_model(variant, image_size=512 if device == "cuda" else 128).to(device)


def draw_pairs(model: nn.Module, batch: int, device: str) -> tuple[Tensor, Tensor]:
    """Return CT and PET of noise in the network's range."""
    side = model.config.image_size
    make = torch.Generator(device).manual_seed(1)
    ct, pet = torch.randn(2, batch, 1, side, side, generator=make, device=device).clamp(-1.6, 1.6)
    return ct, pet


def infer(case: Inference, device: str) -> list[Row]:
    """Check the compiled network's logits against the plain one's in exact float32, then time it."""
    model = build(case.variant, device).eval()
    pair = draw_pairs(model, case.batch, device)
    made: list[nn.Module] = []
    # What a recorded pass needs shows while its warm-up passes run: a replay allocates nothing.
    memory = peak_gib(lambda: made.append(cipa.compile_model(model, case.batch, case.dtype)), device)
    compiled = made.pop()
    with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
        expected = model(*(image[:1] for image in pair))
        error = (compiled(*pair)[:1] - expected).norm() / (expected - expected.mean()).norm()
    name = f"{case.variant}, {case.batch} x 512, {case.dtype}"
    require(error.item() < LOGIT_ERROR[case.dtype], f"logits of {name} are off by {error:.1e}")
    with torch.inference_mode():
        whole, spread = milliseconds(lambda: compiled(*pair), device, repeats=9)
    return [
        Row("gpu inference", f"{name}, graph", whole / case.batch, "ms/pair", spread / case.batch,
            case.target, published_here(case.published), device),
        Row("gpu inference", f"{name}, graph", memory, "GiB", on=device),
    ]  # fmt: skip


def train(case: Training, device: str) -> list[Row]:
    """Time training steps on one batch; the gate is that their loss stays finite and falls.

    Memory is that of the same step not recorded: a replay allocates nothing.
    """
    model = build(case.variant, device).train()
    plain, _ = training_step(model, case.batch, device, record=False)
    plain()
    memory = peak_gib(plain, device)
    del plain
    step, losses = training_step(model, case.batch, device)
    middle, spread = milliseconds(step, device, repeats=6)
    values = [loss.item() for loss in losses]
    falls = all(value == value for value in values) and values[-1] < values[0]
    name = f"{case.variant}, {case.batch} x 512, bf16 autocast"
    require(falls, f"the loss of {name} does not fall over steps on one batch: {values}")
    published = published_here(case.published)
    return [
        Row(
            "gpu training step",
            name,
            middle,
            "ms",
            spread,
            case.target,
            published,
            device,
        ),
        Row("gpu training step", name, memory, "GiB", 0, case.target_gib, case.published_gib, device),
    ]


def training_step(
    model: nn.Module, batch: int, device: str, *, record: bool = True
) -> tuple[Callable[[], None], list[Tensor]]:
    """Return a function that takes one step on a fixed batch as training does, and the list of its losses."""
    ct, pet = draw_pairs(model, batch, device)
    mask = torch.zeros_like(ct)
    third = ct.shape[-1] // 3
    mask[..., third : 2 * third, third : 2 * third] = 1
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=device == "cuda")
    losses: list[Tensor] = []

    def loss_of(ct: Tensor, pet: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast(device, torch.bfloat16):
            logits = model(ct, pet)
        return segmentation_loss(logits, mask).mean()

    record = record and device == "cuda"
    add_gradients = gradients_of(loss_of, (ct, pet, mask), model, record=record)

    def step() -> None:
        optimizer.zero_grad(set_to_none=not record)
        losses.append(add_gradients(ct, pet, mask))
        optimizer.step()

    return step, losses
