"""Passes of the whole network with the CUDA scan and with Triton's, and where one goes."""

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks import gpu_network, scan_cuda_choices
from benchmarks.gpu_network import Inference

CASES = (
    ("tiny", 16, "bf16"), ("tiny", 1, "bf16"), ("tiny", 16, "float32"), ("tiny", 16, "fp16"),
    ("base", 16, "bf16"), ("tiny", 1, "fp16"),
)  # fmt: skip


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    """Both backends in turns, then the profile."""
    print(f"{scan_cuda_choices.apply()} choices of the sweep", flush=True)
    for case in CASES:
        for backend in ("cuda", "triton"):
            yield f"{case} {backend}", partial(infer, case, backend)
        if case == ("tiny", 1, "bf16"):
            yield "profile of 16 pairs", profile


def infer(case: tuple[str, int, str], backend: str, note: Callable[..., None]) -> None:
    """Time one compiled pass; the gate against exact float32 is the benchmark's own."""
    scan_cuda_choices.set_backend(backend)
    time, memory = gpu_network.infer(Inference(*case, 0.0), "cuda")
    note(
        f"inference {case[0]} {case[1]} {case[2]} {backend}",
        ms_a_pair=time.value,
        spread=time.spread,
        GiB=memory.value,
    )


def profile(note: Callable[..., None]) -> None:
    """Say where a pass of 16 pairs goes."""
    from benchmarks import gpu_profile

    scan_cuda_choices.set_backend("cuda")
    for row in gpu_profile.inference("tiny", 16, "cuda"):
        note(row.case, value=row.value, unit=row.unit, target=row.target)
