"""Train a network on a data set in PCLT20K layout; the defaults are the published recipe.

A run that was stopped, by Ctrl-C, SIGTERM or a crash, is resumed by: cipa train DATA -o RUN --resume
"""

import math
import os
import signal
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from cipa.cli.parser import Parser
from cipa.cli.recipe_flags import add_recipe_flags, with_flags
from cipa.errors import UsageError
from cipa.text import plural
from cipa.training.config_file import read_recipe, recipe_text
from cipa.training.recipe import TrainRecipe

if TYPE_CHECKING:
    from cipa.training.run import TrainResult

EXAMPLES = """
cipa train DATA -o RUN
cipa train DATA -o RUN --model nano --epochs 20 --lr 1e-3
cipa train DATA -o RUN --weights EARLIER_RUN --epochs 5
cipa train DATA -o RUN --resume
torchrun --nproc-per-node 4 -m cipa train DATA -o RUN
"""


def add_arguments(parser: Parser) -> None:
    """Declare the options of `cipa train`: its own, and every field of the recipe."""
    parser.explain("DATA -o RUN", EXAMPLES)
    add = parser.add_argument_group("input").add_argument
    add(
        "data",
        type=Path,
        nargs="?",
        metavar="DATA",
        help="folder with train.txt, test.txt and the patients' folders",
    )
    add("--config", type=Path, metavar="FILE", help="recipe as YAML, such as another run's config.yaml")
    add = parser.add_argument_group("output").add_argument
    add("-o", "--out", type=Path, metavar="RUN", help="folder of the run; must not exist yet")
    add("--resume", action="store_true", help="resume the run in RUN, with the recipe it has")
    add("--print-config", action="store_true", help="print the recipe as YAML and do nothing else")
    add_recipe_flags(parser)


def run(arguments: Namespace) -> int:
    """Train as the command line says.

    Args:
        arguments: what the parser returned.

    Returns:
        Exit code: 0 when the recipe is done, 128 plus the signal's number when one stopped it.

    Raises:
        UsageError: an option is missing or does not fit the others.
        DataError: something is wrong with the data or a checkpoint.
    """
    if arguments.print_config:
        print(recipe_text(with_flags(_starting_recipe(arguments), arguments)), end="")
        return 0
    data, out = _require(arguments.data, "DATA"), _require(arguments.out, "-o RUN")
    recipe = with_flags(_starting_recipe(arguments), arguments)

    from cipa.cli.train_estimate import estimate
    from cipa.training.run import train

    speaks = os.environ.get("RANK", "0") == "0"  # of torchrun's processes one speaks for all
    if speaks and not arguments.resume and (line := estimate(recipe, data)):
        print(line)
    result = train(recipe, data, out, resume=arguments.resume)
    if speaks:
        _report(result, data)
    return 128 + result.stopped_by if result.stopped_by else 0


def _starting_recipe(arguments: Namespace) -> TrainRecipe:
    """Return what the flags change: the recipe of the run or the file, or the published one."""
    if arguments.config is not None and not arguments.config.is_file():
        raise UsageError(f"--config {arguments.config}: no such file; give a recipe, such as RUN/config.yaml")
    if arguments.resume and arguments.out is not None and (arguments.out / "config.yaml").is_file():
        return read_recipe(arguments.out / "config.yaml")
    return TrainRecipe() if arguments.config is None else read_recipe(arguments.config)


def _require(value: Path | None, name: str) -> Path:
    if value is None:
        raise UsageError(f"{name} is missing: cipa train DATA -o RUN (see cipa train --help)")
    return value


def _report(result: "TrainResult", data: Path) -> None:
    if result.stopped_by:
        name = signal.Signals(result.stopped_by).name
        print(
            f"cipa: stopped by {name} at step {result.step} of {result.total_steps}; "
            f"resume with: cipa train {data} -o {result.run} --resume",
            file=sys.stderr,
        )
        return
    best = (
        ""
        if result.best_dice is None
        else f"; best validation Dice {result.best_dice:.4f} at step {result.best_step}"
    )
    print(f"done: {plural(result.step, 'step')}{best}. Weights, tables and pictures are in {result.run}")
    if result.point is not None:
        false = "" if math.isnan(result.point.fp_ml) else f", {result.point.fp_ml:.2f} mL false a patient"
        print(
            f"chosen on the validation volumes for {result.run / 'best'}: threshold "
            f"{result.point.threshold:.2f}, lesions from {result.point.smallest_ml:g} mL (mean 3-D Dice "
            f"{result.point.dice:.4f}{false})"
        )
    print(f"next: cipa evaluate {data} --weights {result.run} -o {result.run}-test")
