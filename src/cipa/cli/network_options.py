"""How a network is run: the options that evaluation and prediction share, by the same names."""

from argparse import _ArgumentGroup
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cipa.cli.terminal import warn

if TYPE_CHECKING:
    from torch.nn import Module

PRECISIONS = {"fp32": "float32", "bf16": "bf16", "fp16": "fp16"}
"""Names on the command line, as `cipa train` has them, each with that of `cipa.Predictor`."""

DEVICES = "auto, cpu, cuda, cuda:N or mps"


def add_network_options(group: _ArgumentGroup) -> None:
    """Declare inputs, threshold, device, batch size, flips and precision of a network."""
    add = group.add_argument
    add(
        "--inputs",
        choices=["ct+pet", "ct", "pet"],
        help="what the network is shown, the rest is black (default: what it was trained on)",
    )
    add(
        "--threshold",
        type=float,
        metavar="X",
        help="probability from which a pixel is tumour (default: stored with the weights)",
    )
    add("--device", default="auto", metavar="NAME", help=DEVICES)
    add("--batch-size", type=int, default=4, metavar="N", help="slices in one forward pass")
    add("--tta", choices=["none", "flips"], default="none", help="mean over four flips, four times as long")
    add("--precision", choices=PRECISIONS, default="fp32", help="arithmetic of the forward pass")


def warn_of_inputs(models: "Sequence[Module]", inputs: str | None) -> None:
    """Warn where a network is shown less than it was trained on and was not trained to do with less."""
    from cipa.inference.modalities import takes

    if not all(takes(model, inputs) for model in models):
        warn(
            f"--inputs {inputs}: these weights were not trained to do without the other one "
            "(cipa train --modality-dropout); expect little"
        )
