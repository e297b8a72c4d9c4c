"""Training steps with the CUDA scan and with Triton's, and where one goes."""

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks import gpu_network, scan_cuda_choices
from benchmarks.gpu_network import Training

CASES = (("tiny", 16), ("tiny", 4), ("base", 4))


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    """Both backends in turns, then the profile."""
    print(f"{scan_cuda_choices.apply()} choices of the sweep", flush=True)
    for case in CASES[:2]:
        for backend in ("cuda", "triton"):
            yield f"{case} {backend}", partial(train, case, backend)
    yield "profile of 4 pairs", partial(profile, 4)
    yield "profile of 16 pairs", partial(profile, 16)
    for backend in ("cuda", "triton"):
        yield f"{CASES[2]} {backend}", partial(train, CASES[2], backend)


def train(case: tuple[str, int], backend: str, note: Callable[..., None]) -> None:
    """Time steps on one batch."""
    scan_cuda_choices.set_backend(backend)
    time, memory = gpu_network.train(Training(*case, 0.0, 0.0), "cuda")
    note(f"training {case[0]} {case[1]} {backend}", ms=time.value, spread=time.spread, GiB=memory.value)


def profile(pairs: int, note: Callable[..., None]) -> None:
    """Say where a step goes."""
    from benchmarks import gpu_profile

    scan_cuda_choices.set_backend("cuda")
    for row in gpu_profile.training("tiny", pairs, "cuda"):
        note(row.case, value=row.value, unit=row.unit, target=row.target)
