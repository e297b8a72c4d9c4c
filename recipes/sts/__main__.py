"""Train and score networks on soft-tissue sarcomas, and make the table.

    python -m recipes.sts row tiny dynunet:1 --train STS --test-last 8 -o OUT     rows, each NAME or NAME:SEED
    python -m recipes.sts thresholds --train STS --test-last 8 -o OUT             PET thresholds
    python -m recipes.sts table OUT --page docs/results.md       all rows of OUT as tables, and OUT/curves.png

--train and --test are folders of patients (CT.nii.gz, PET_SUV.nii.gz, GTV_CT.nii.gz in each; .nii.bz2 and
.nii too), or data sets in PCLT20K layout, whose train.txt and test.txt are then used. A row that is there is
not made anew, an interrupted one goes on. Make choices with --held-out, which leaves test patients alone.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from cipa.errors import CipaError
from recipes.sts.data import prepare
from recipes.sts.page import write_tables
from recipes.sts.rows import ROWS, recipe_of
from recipes.sts.run import run_row
from recipes.sts.thresholds import SUV_MAX, run_thresholds


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return arguments.run(arguments)
    except (CipaError, ValueError) as error:
        print(f"recipes.sts: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="recipes.sts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(required=True)
    row = verbs.add_parser("row", help="train and score")
    row.add_argument("rows", nargs="+", metavar="ROW[:SEED]", help=f"of {', '.join(ROWS)}; seed 0")
    _add_data(row)
    row.add_argument(
        "--held-out", action="store_true", help="score on a fifth of the training patients instead"
    )
    row.add_argument("--no-stress", action="store_true", help="do not score the harder slices")
    row.add_argument("--set", nargs="+", default=[], metavar="FIELD=VALUE", help="change the recipe")
    row.add_argument(
        "--stop-after", type=float, metavar="S", help="begin no row that would end later than this"
    )
    row.set_defaults(run=_rows)
    thresholds = verbs.add_parser("thresholds", help="score PET thresholds")
    _add_data(thresholds)
    thresholds.set_defaults(run=_thresholds)
    table = verbs.add_parser("table", help="rows to tables")
    table.add_argument("folder", type=Path)
    table.add_argument("--page", type=Path, help="Markdown page whose table is replaced")
    table.set_defaults(run=lambda arguments: print(write_tables(arguments.folder, arguments.page)) or 0)
    return parser


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, help="else patients of --train")
    parser.add_argument(
        "--test-last", type=int, metavar="N", help="the last N patients of --train are for testing"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for the rows")
    parser.add_argument("--work", type=Path, help="folder for slices and weights (OUT/work)")


def _data(arguments: argparse.Namespace, kind: str, suv_max: float | None = None) -> tuple[Path, Path]:
    work = arguments.work or arguments.out / "work"
    train = prepare(
        arguments.train, work / f"train{kind}", "train", test_last=arguments.test_last, suv_max=suv_max
    )
    if arguments.test is None:
        return train, train
    return train, prepare(arguments.test, work / f"test{kind}", "test", suv_max=suv_max)


def _rows(arguments: argparse.Namespace) -> int:
    began, longest, skipped = time.monotonic(), 0.0, []
    changes = {name: _value(text) for name, _, text in (each.partition("=") for each in arguments.set)}
    wanted = [(name, int(seed or 0)) for name, _, seed in (each.partition(":") for each in arguments.rows)]
    suffix = "".join(f" {name}={value}" for name, value in changes.items())
    recipes = [(name, recipe_of(name, seed, changes)) for name, seed in wanted]  # a wrong one is told first
    train, test = _data(arguments, "")
    for name, recipe in recipes:
        start = time.monotonic()
        if arguments.stop_after and start - began + longest > arguments.stop_after:
            skipped.append(f"{name}:{recipe.optimisation.seed}")
            continue
        path = run_row(
            name + suffix,
            recipe,
            train,
            test,
            (arguments.work or arguments.out / "work") / "runs",
            arguments.out,
            held_out=arguments.held_out,
            stress=not arguments.no_stress and recipe.network.inputs == "ct+pet",
        )
        longest = max(longest, time.monotonic() - start)
        print(f"{path} after {time.monotonic() - began:.0f} s", flush=True)
    if skipped:
        print(f"no time for {' '.join(skipped)}: give the same command again", flush=True)
    return 0


def _value(text: str) -> Any:
    """Read a value as YAML, and 3e-4 as the number that it is not there."""
    value = yaml.safe_load(text)
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _thresholds(arguments: argparse.Namespace) -> int:
    train, test = _data(arguments, f"-suv{SUV_MAX:g}", SUV_MAX)
    for path in run_thresholds(train, test, arguments.out):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
