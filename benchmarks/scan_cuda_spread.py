"""Loss of 200 steps with the CUDA scan beside Triton's: within what seeds differ by?"""

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.scan_cuda_choices import set_backend

SEEDS = (0, 1)


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    yield "200 steps", spread


def spread(note: Callable[..., None]) -> None:
    """Train nano by both backends from the same seeds, in bfloat16 autocast and in float32."""
    from benchmarks.gpu_training import draw_slices, smoothed, train

    data = draw_slices(128, 128, "cuda")
    for dtype in ("bfloat16", "float32"):
        curves = {}
        for seed in SEEDS:
            for backend in ("triton", "cuda"):
                set_backend(backend)
                curves[backend, seed] = smoothed(train("nano", dtype, seed, data, 200, 8))
        backends = [curves["cuda", seed] - curves["triton", seed] for seed in SEEDS]
        seeds = curves["triton", SEEDS[0]] - curves["triton", SEEDS[1]]
        between_backends, between_seeds = (
            float(np.sqrt(np.mean(np.square(differences)))) for differences in (backends, seeds)
        )
        note(
            f"200 steps, {dtype}", ok=between_backends < between_seeds, between_backends=between_backends,
            between_seeds=between_seeds, last=curves["cuda", 0][-1], last_triton=curves["triton", 0][-1],
        )  # fmt: skip
