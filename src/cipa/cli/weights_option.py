"""The option `--weights`: what it takes, and which file of a training run it came to."""

from pathlib import Path

WEIGHTS = (
    "folder of weights, training run (its best, else its last), published file such as CIPA.pth, or bundled: "
    "those in the package"
)
RUNNABLE = f"{WEIGHTS}; an exported .pt2 or .onnx too"


def choose_weights(given: str) -> str | Path:
    """Return what `cipa.load_model` shall read; print which weights of a training run these are."""
    from cipa.models.checkpoints.locate import BUNDLED, locate_weights

    found = locate_weights(given)
    if given == BUNDLED or found == Path(given):
        return given
    print(f"weights: {found}, the {found.name} of the run")
    return found
