"""Works of the timed parts, run once only so that Triton and NVRTC compile their kernels."""

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks import scan_cuda_network, scan_cuda_time, scan_cuda_training

INFERENCE = (("tiny", 16, "bf16"), ("tiny", 1, "bf16"), ("tiny", 16, "fp16"), ("tiny", 16, "float32"))


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    """By both backends in turns: inference 0 to 3, training 4 and 5, the scans 6, then the rest."""
    for case in INFERENCE:
        yield f"{case}", partial(both, scan_cuda_network.infer, case)
    for case in scan_cuda_training.CASES[:2]:
        yield f"{case}", partial(both, scan_cuda_training.train, case)
    yield "scans", scans
    yield "base training", partial(both, scan_cuda_training.train, scan_cuda_training.CASES[2])
    yield "base", partial(both, scan_cuda_network.infer, ("base", 16, "bf16"))
    yield "1 pair, fp16", partial(both, scan_cuda_network.infer, ("tiny", 1, "fp16"))


def both(work: Callable[..., None], case: tuple, note: Callable[..., None]) -> None:
    for backend in ("triton", "cuda"):
        try:
            work(case, backend, lambda *_, **__: None)
            note(f"{case} {backend}", ran=True)
        except Exception as error:  # it only warms up; the timed work says what is wrong
            note(f"{case} {backend}", ran=f"{type(error).__name__}: {str(error)[:80]}")


def scans(note: Callable[..., None]) -> None:
    for _, work in scan_cuda_time.works():
        work(lambda *_, **__: None)
    note("scans", ran=True)
