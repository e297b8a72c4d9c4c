"""The option `--inputs` of evaluation and prediction: CT, PET or both."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser

if TYPE_CHECKING:
    from torch.nn import Module


def add_inputs(parser: ArgumentParser) -> None:
    """Declare `--inputs`."""
    parser.add_argument(
        "--inputs",
        choices=["ct+pet", "ct", "pet"],
        help="what the network is shown, the rest is black (default: what it was trained on)",
    )


def warn_of_inputs(models: "Sequence[Module]", inputs: str | None) -> None:
    """Say on stderr that a network is shown less than it learnt from, and never learnt to do with less."""
    from cipa.inference.modalities import takes

    if not all(takes(model, inputs) for model in models):
        print(
            f"cipa: warning: --inputs {inputs}: these weights never learnt to do without the other one "
            "(cipa train --modality_dropout); expect little",
            file=sys.stderr,
        )
