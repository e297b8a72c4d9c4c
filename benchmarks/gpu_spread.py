"""Loss of 200 steps with the CUDA scan beside Triton's: within what two seeds differ by?"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from benchmarks.gpu_training import draw_slices, smoothed, train
from benchmarks.harness import Row, require
from cipa.ops import use_backend

SEEDS = (0, 1)
STEPS = 200


def works(device: str) -> Iterator[Callable[[], list[Row]]]:
    """In both arithmetics; nothing without a GPU."""
    if device == "cuda":
        yield from (partial(spread, dtype) for dtype in ("bfloat16", "float32"))


def spread(dtype: str) -> list[Row]:
    """Train nano by both backends from the same seeds; the gate: they differ less than the seeds do."""
    data = draw_slices(128, 128, "cuda")
    curves = {}
    for seed in SEEDS:
        for backend in ("triton", "cuda"):
            with use_backend(backend):
                curves[backend, seed] = smoothed(train("nano", dtype, seed, data, STEPS, 8))
    between_backends = rms([curves["cuda", seed] - curves["triton", seed] for seed in SEEDS])
    between_seeds = rms(curves["triton", SEEDS[0]] - curves["triton", SEEDS[1]])
    require(
        between_backends < between_seeds,
        f"{STEPS} steps in {dtype}: backends differ by {between_backends:.3f}, seeds by {between_seeds:.3f}",
    )
    case = f"nano, {STEPS} steps, {dtype}, means of 20"
    return [
        Row("gpu loss curves", f"{case}: CUDA - Triton", between_backends, "RMS", on="cuda"),
        Row("gpu loss curves", f"{case}: seed - seed", between_seeds, "RMS", on="cuda"),
    ]


def rms(differences: object) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(differences))))
