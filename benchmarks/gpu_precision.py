"""Does a trained network mark the same tumour in half the bits? The package's own, on phantoms new to it."""

from collections.abc import Callable, Iterator
from functools import partial

import cipa
from benchmarks.gpu_training import draw_slices
from benchmarks.harness import Row, require
from cipa.models.bundled import bundled_weights

SLICES = 32


def works(device: str) -> Iterator[Callable[[], list[Row]]]:
    """One comparison for each arithmetic."""
    for dtype in ("tf32", "fp16", "bf16") if device == "cuda" else ("bf16",):
        yield partial(agreement, dtype, device)


def agreement(dtype: str, device: str) -> list[Row]:
    """Give the Dice of the masks of `dtype` and of float32, all slices pooled."""
    model = cipa.load_model(bundled_weights()).to(device).eval()
    slices = SLICES if device == "cuda" else 2
    ct, pet, _ = draw_slices(slices, model.config.image_size, device)
    ct, pet = (grey.repeat(1, model.config.slices, 1, 1) for grey in (ct, pet))  # neighbours: itself
    masks = []
    for each in ("float32", dtype):
        compiled = cipa.compile_model(model, batch=min(8, slices), dtype=each)
        masks.append(compiled(ct, pet) > 0)
    exact, rounded = masks
    require(bool(exact.any()), "the bundled network marks nothing on phantoms")
    dice = 2 * (exact & rounded).sum() / (exact.sum() + rounded.sum())
    case = f"bundled nano, {slices} phantom slices, {dtype} against float32"
    return [Row("gpu precision", case, dice.item(), "Dice", 0, ">= 0.999", on=device)]
