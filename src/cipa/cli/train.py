"""Train a network on a data set in PCLT20K layout; the defaults are the published recipe.

One process: cipa train DATA -o RUN. Several GPUs: torchrun --nproc-per-node 4 -m cipa train DATA -o RUN.
A run that was stopped, by Ctrl-C, SIGTERM or a crash, goes on with: cipa train DATA -o RUN --resume
"""

import math
import os
import signal
import sys
from argparse import SUPPRESS
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cipa.cli.parser import Parser
from cipa.errors import UsageError
from cipa.training.config_file import add_recipe, keep_defaults_of, read_recipe, recipe_from

if TYPE_CHECKING:
    from cipa.training.run import TrainResult


def add_arguments(parser: Parser) -> None:
    """Add the options of `cipa train` to `parser`."""
    parser.add_argument(
        "data",
        type=Path,
        nargs="?",
        default=SUPPRESS,
        help="folder with train.txt, test.txt and the patients' folders",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="RUN",
        default=SUPPRESS,
        help="folder of the run; must not exist yet",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        default=SUPPRESS,
        help="go on with the run in RUN, with the recipe it has",
    )
    parser.add_argument("--config", action="config", help="recipe as YAML, such as another run's config.yaml")
    add_recipe(parser)


def run(arguments: Any) -> int:
    """Train as the command line says.

    Args:
        arguments: what the parser returned.

    Returns:
        Exit code: 0 when the recipe is done, 128 plus the signal's number when one stopped it.

    Raises:
        UsageError: an option is missing or does not fit the others.
        DataError: something is wrong with the data or a checkpoint.
    """
    data, out = _needed(arguments.get("data"), "DATA"), _needed(arguments.get("out"), "-o RUN")
    recipe = recipe_from(arguments)
    if arguments.get("resume", False) and (out / "config.yaml").is_file():
        recipe = keep_defaults_of(read_recipe(out / "config.yaml"), recipe)

    from cipa.training.run import train

    result = train(recipe, data, out, resume=arguments.get("resume", False))
    if os.environ.get("RANK", "0") == "0":  # of torchrun's processes one speaks for all
        _report(result, data)
    return 128 + result.stopped_by if result.stopped_by else 0


def _needed(value: Path | None, name: str) -> Path:
    if value is None:
        raise UsageError(f"{name} is missing: cipa train DATA -o RUN (see cipa train --help)")
    return value


def _report(result: "TrainResult", data: Path) -> None:
    if result.stopped_by:
        name = signal.Signals(result.stopped_by).name
        print(
            f"cipa: stopped by {name} at step {result.step} of {result.total_steps}; "
            f"go on with: cipa train {data} -o {result.run} --resume",
            file=sys.stderr,
        )
        return
    best = (
        ""
        if result.best_dice is None
        else f"; best validation Dice {result.best_dice:.4f} at step {result.best_step}"
    )
    print(f"done: {result.step} steps{best}. Weights, tables and pictures are in {result.run}")
    if result.point is not None:
        false = "" if math.isnan(result.point.fp_ml) else f", {result.point.fp_ml:.2f} mL false a patient"
        print(
            f"chosen on the validation volumes for {result.run / 'best'}: threshold "
            f"{result.point.threshold:.2f}, lesions from {result.point.smallest_ml:g} mL (mean 3-D Dice "
            f"{result.point.dice:.4f}{false})"
        )
