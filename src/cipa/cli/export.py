"""Write weights as one file that runs elsewhere: a PyTorch program (.pt2) or ONNX (.onnx).

The file takes any number of slice pairs of one image size and holds what a study must be prepared with: image
size, slices, CT window, SUV scale, threshold, smallest lesion. It is kept only if its answers are the
network's, to 1e-5 (.pt2) or 1e-3 (.onnx). cipa predict and evaluate take it as --weights.
"""

import time
from argparse import Namespace
from pathlib import Path

from cipa.cli.parser import Parser
from cipa.cli.weights_option import WEIGHTS, choose_weights

EXAMPLES = """
cipa export bundled -o cipa.pt2
cipa export RUN -o cipa.onnx
cipa predict STUDY -o OUT --weights cipa.onnx --device cpu
"""


def add_arguments(parser: Parser) -> None:
    """Declare the options of `cipa export`."""
    parser.explain("WEIGHTS -o FILE", EXAMPLES)
    add = parser.add_argument_group("input").add_argument
    add("weights", metavar="WEIGHTS", help=WEIGHTS)
    add(
        "--image-size",
        type=int,
        metavar="N",
        help="side of the images in pixels, for networks that take any (default: the weights' own)",
    )
    add = parser.add_argument_group("output").add_argument
    add("-o", "--out", required=True, metavar="FILE", help="file to write, ending in .pt2 or .onnx")
    add("--overwrite", action="store_true", help="replace FILE if it is there")


def run(arguments: Namespace) -> int:
    """Run `cipa export`.

    Returns:
        0.

    Raises:
        UsageError: the file is there, has another ending, or the network cannot be exported.
        DataError: the weights cannot be read, or the file's answers are not the network's.
    """
    from cipa.errors import UsageError
    from cipa.models.checkpoints.load import load_model
    from cipa.models.exported.files import TOLERANCES, export_model
    from cipa.text import plural

    out = Path(arguments.out)
    if out.suffix.lower() not in TOLERANCES:
        raise UsageError(f"{out}: must end in {' or '.join(TOLERANCES)}")
    if out.exists() and not arguments.overwrite:
        raise UsageError(f"{out}: exists; name another file, or replace it with --overwrite")
    began = time.monotonic()
    model = load_model(choose_weights(arguments.weights), arguments.image_size)
    difference = export_model(model, out)
    config = model.config
    size = f"{config.image_size} x {config.image_size}"
    print(
        f"{config.variant}, {size}, {plural(config.slices, 'slice')} of CT and PET, "
        f"threshold {config.threshold:g}"
    )
    print(
        f"largest difference from the network: {difference:.1e}, allowed {TOLERANCES[out.suffix.lower()]:.0e}"
    )
    print(f"written: {out}, {out.stat().st_size / 2**20:.1f} MiB, in {time.monotonic() - began:.0f} s")
    return 0
