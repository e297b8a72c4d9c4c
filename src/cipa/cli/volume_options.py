"""How a study's slices become the network's images; PNG slices are such images already."""

from argparse import ArgumentParser, Namespace
from typing import Any

from cipa.cli.study_options import STUDY_OPTIONS, check_study_options
from cipa.errors import UsageError

DEFAULTS: dict[str, Any] = {"fit": "auto", "field_of_view": 500.0, "ct_window": None, "suv_max": None}
"""Options of `cipa.inference.volume.predict_volume`."""


def add_volume_options(parser: ArgumentParser) -> None:
    """Declare fit, field of view, CT window and highest SUV; what is not given has its default later."""
    add = parser.add_argument_group("images (studies only)").add_argument
    add("--fit", choices=["auto", "pad", "resample"], help="slices of other sizes (default: auto)")
    add("--field-of-view", type=float, metavar="MM", help="what the network's image spans (default: 500)")
    add(
        "--ct-window",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="HU that become black and white (default: stored with the weights)",
    )
    add(
        "--suv-max",
        type=float,
        metavar="SUV",
        help="SUV that becomes white (default: stored with the weights)",
    )


def volume_options(arguments: Namespace) -> dict[str, Any]:
    """Return the options that `add_volume_options` declared, with their defaults."""
    given = {name: getattr(arguments, name) for name in DEFAULTS}
    options = DEFAULTS | {name: value for name, value in given.items() if value is not None}
    if options["ct_window"] is not None:
        options["ct_window"] = tuple(options["ct_window"])
    return options


def check_options(kind: str, arguments: Namespace) -> None:
    """Refuse options that mean nothing for the kind of input.

    Args:
        kind: `studies`, `folder` or `png`, as `PredictInput` has it.
        arguments: of `cipa predict`.

    Raises:
        UsageError: an option does not go with the input, or is out of its range.
    """
    check_study_options(arguments)
    for option in DEFAULTS:
        if kind != "studies" and getattr(arguments, option) is not None:
            raise UsageError(f"{_flag(option)}: only for volumes, PNG slices are windowed and sized already")
    for option in STUDY_OPTIONS:
        is_dicom = kind == "studies" and not (arguments.ct or arguments.pet)
        if not is_dicom and getattr(arguments, option) is not None:
            raise UsageError(f"{_flag(option)}: only for a DICOM study, other PET is in SUV already")
    if kind != "folder" and arguments.list != "all":
        raise UsageError(f"--list {arguments.list}: only for a folder in PCLT20K layout")


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")
