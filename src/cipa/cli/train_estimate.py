"""How long a training on this machine's CPU will take, said before it begins, where that is long."""

from pathlib import Path

from cipa.text import plural
from cipa.training.recipe import TrainRecipe

LONG_SECONDS = 900.0
"""Below this nobody needs a warning."""

BACKWARD = 3.0
"""A training step over its forward pass: the backward pass costs twice as much."""

GFLOP_PER_SECOND = {20.0: 12.0, float("inf"): 40.0}
"""Of one CPU core by the size of the network (GFLOP a pair): small ones wait for memory. Measured on an AMD
EPYC with AVX-512: 13 for a `nano` training step, 40 for `tiny` inference."""

RECORDED_SIZE = 512
"""Side of the images that the catalogue's GFLOP are of."""


def estimate(recipe: TrainRecipe, data: Path) -> str:
    """Return a line about the time a run will take on the CPU, nothing where that is short or cannot be told.

    Args:
        recipe: of the run.
        data: the data set; a list or an image that is missing is for the run to refuse.
    """
    seconds = cpu_seconds(recipe, data)
    if seconds is None or seconds < LONG_SECONDS:
        return ""
    name = recipe.network.model or "tiny"
    smaller = "" if name.endswith("nano") else "; --model nano is far smaller, and --epochs shortens a run"
    epochs = plural(recipe.optimisation.epochs, "epoch")
    return f"on this CPU, very roughly {_words(seconds)} for {epochs}{smaller}"


def cpu_seconds(recipe: TrainRecipe, data: Path) -> float | None:
    """Return a guess of the seconds a run takes on the CPU; None if it runs on a GPU or nothing is known."""
    import torch
    from PIL import Image

    from cipa.data.layout import image_path, list_path, read_list
    from cipa.models.catalogue import CATALOGUE
    from cipa.parallel import processors

    on_gpu = recipe.running.device == "cuda" or (
        recipe.running.device == "auto" and torch.cuda.is_available()
    )
    entry = CATALOGUE.get(recipe.network.model or "tiny")
    if on_gpu or entry is None:
        return None
    try:
        ids = read_list(list_path(data, "train"))
        with Image.open(image_path(data, ids[0], "CT")) as image:
            side = image.width
    except Exception:  # whatever is wrong with the data, the run says it better
        return None
    rate = next(rate for below, rate in GFLOP_PER_SECOND.items() if entry.gflop < below) * processors()
    work = BACKWARD * entry.gflop * (side / RECORDED_SIZE) ** 2 * len(ids) * recipe.optimisation.epochs
    return work / rate


def _words(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 90 else f"{minutes / 60:.0f} hours"
