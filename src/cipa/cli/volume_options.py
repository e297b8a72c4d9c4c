"""How a study's slices become the network's images; PNG slices are such images already."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cipa.cli.study_options import (
    REPORT_OPTIONS,
    STUDY_OPTIONS,
    check_study_options,
    report_options,
)
from cipa.errors import UsageError

if TYPE_CHECKING:
    from cipa.inference.options import VolumeOptions

VOLUME_OPTIONS = ("fit", "field_of_view", "ct_window", "suv_max", "min_suv", "keep_all")
"""Names of the options, as `cipa.inference.options.VolumeOptions` has them."""


def add_volume_options(parser: ArgumentParser) -> None:
    """Declare how slices become images and which lesions are kept; what is not given stays None."""
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
    add_lesion_options(parser)


def add_lesion_options(parser: ArgumentParser) -> None:
    """Declare which of the network's marks are lesions."""
    add = parser.add_argument_group("lesions (studies only)").add_argument
    add(
        "--min-suv",
        type=float,
        metavar="SUV",
        help="SUVmax below which a lesion is left out as without uptake (default: stored with the weights)",
    )
    add("--keep-all", action="store_true", help="keep marks outside the body and without uptake")


def volume_options(arguments: Namespace) -> "VolumeOptions":
    """Return the options that either function above declared, those not given at their defaults."""
    from cipa.inference.options import VolumeOptions

    given: dict[str, Any] = {name: getattr(arguments, name, None) for name in VOLUME_OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    if "ct_window" in given:
        given["ct_window"] = tuple(given["ct_window"])
    return VolumeOptions(**given)


RESULT_OPTIONS = ("interactive", "labels")
"""Names of options for more files in the folder of a result."""


def check_options(kind: str, arguments: Namespace) -> None:
    """Refuse options that mean nothing for the kind of input.

    Args:
        kind: `studies`, `folder` or `png`, as `PredictInput` has it.
        arguments: of `cipa predict`.

    Raises:
        UsageError: an option does not go with the input, or is out of its range.
    """
    from cipa.inference.names import is_mask_file
    from cipa.inference.options import DICOM_ONLY

    check_study_options(arguments)
    for option in VOLUME_OPTIONS:
        if kind != "studies" and getattr(arguments, option) not in (None, False):
            raise UsageError(f"{_flag(option)}: only for volumes, PNG slices are windowed and sized already")
    for option in STUDY_OPTIONS:
        is_dicom = kind == "studies" and not (arguments.ct or arguments.pet)
        if not is_dicom and getattr(arguments, option) is not None:
            raise UsageError(f"{_flag(option)}: only for a DICOM study, other PET is in SUV already")
    report_options(arguments)  # refuses what is out of range
    for option in REPORT_OPTIONS:
        if kind != "studies" and getattr(arguments, option) not in (None, False):
            raise UsageError(f"{_flag(option)}: only for studies, slices have no report")
    for option in DICOM_ONLY:
        if (arguments.ct or arguments.pet) and getattr(arguments, option) not in (None, False):
            raise UsageError(f"{_flag(option)}: only for a DICOM study")
    for option in RESULT_OPTIONS:
        if getattr(arguments, option) and (kind != "studies" or is_mask_file(Path(arguments.out))):
            what = "a mask alone is written" if kind == "studies" else "slices have no such file"
            raise UsageError(f"{_flag(option)}: only for the folder of a study's result, {what}")
    if kind != "folder" and arguments.list != "all":
        raise UsageError(f"--list {arguments.list}: only for a folder in PCLT20K layout")


def refuse_of_many(arguments: Namespace, studies: int) -> None:
    """Refuse options that are true of one study where there are several.

    Raises:
        UsageError: one was given.
    """
    from cipa.inference.options import ONE_STUDY

    for option in ONE_STUDY:
        if getattr(arguments, option) is not None:
            raise UsageError(f"{_flag(option)}: of one study, and {studies} are given; name that one alone")


def _flag(option: str) -> str:
    return "--sum" if option == "sum_frames" else "--" + option.replace("_", "-")
