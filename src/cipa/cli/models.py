"""List the networks that `cipa train --model` takes: family, parameters, GFLOP a pair, paper, licence.

GFLOP counts multiplications and additions apart, for matrix products, convolutions and scans of one pair. For
512 x 512 both numbers are on record; another --image-size is counted anew, which takes about half a minute.
"""

import json
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from cipa.cli.parser import Parser

if TYPE_CHECKING:
    from rich.table import Table

RECORDED_SIZE = 512


EXAMPLES = """
cipa models
cipa models --image-size 128
"""


def add_arguments(parser: Parser) -> None:
    """Declare the options of `cipa models`."""
    parser.explain("", EXAMPLES)
    add = parser.add_argument_group("network").add_argument
    add(
        "--image-size",
        type=int,
        default=RECORDED_SIZE,
        metavar="N",
        help="side of the images that are counted for, pixels",
    )
    add = parser.add_argument_group("output").add_argument
    add("--json", action="store_true", help="print everything as JSON")


def run(arguments: Namespace) -> int:
    """Print the list.

    Returns:
        0.

    Raises:
        UsageError: the image size is not a multiple of 128, or MONAI is needed to count and is absent.
    """
    models = _models(arguments.image_size)
    if arguments.json:
        print(json.dumps({"image_size": arguments.image_size, "models": models}, indent=2))
        return 0
    from rich.console import Console

    console = Console(highlight=False)
    console.print(_table(models, arguments.image_size))
    console.print(
        "\n--no-crm and --no-dcim take a module out of any CIPA network. All train by\n"
        "the same loop: docs/baselines.md. Weights are not part of this project."
    )
    if not _is_installed("monai"):
        console.print("[yellow]MONAI is not installed[/]: pip install 'cipa\\[baselines]'")
    return 0


def _models(image_size: int) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from cipa.models.catalogue import CATALOGUE

    models = [{"name": name, **asdict(entry)} for name, entry in CATALOGUE.items()]
    if image_size != RECORDED_SIZE:
        from cipa.models.cost import count

        for model in models:
            model |= count(model["name"], image_size)._asdict()
    return models


def _table(models: list[dict[str, Any]], image_size: int) -> "Table":
    from rich.table import Table

    title = f"Networks for --model, on a pair of {image_size} x {image_size}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading, justify in (("name", "left"), ("", "left"), ("parameters", "right"), ("GFLOP", "right")):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("arXiv", no_wrap=True)
    family = ""
    for model in models:
        if model["family"] != family:
            family = model["family"]
            table.add_row()
            table.add_row(f"[bold]{family}[/]", f"[dim]{_origin(model)}[/]")
        cost = f"{model['parameters'] / 1e6:.2f} M", f"{model['gflop']:.1f}"
        table.add_row(model["name"], model["about"], *cost, model["arxiv"])
    return table


def _origin(model: dict[str, Any]) -> str:
    package = "cipa[baselines], " if model["family"] == "MONAI" else f"{model['paper']}, "
    return package.replace("[", r"\[") + model["licence"]


def _is_installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None
