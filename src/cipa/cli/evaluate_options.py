"""What `cipa evaluate` can be asked for, and what of it goes together."""

from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from cipa.cli.network_options import add_network_options
from cipa.cli.parser import Parser
from cipa.cli.study_options import STUDY_OPTIONS, add_study_options
from cipa.cli.volume_options import add_lesion_options
from cipa.cli.weights_option import RUNNABLE
from cipa.errors import UsageError

if TYPE_CHECKING:
    from cipa.evaluation.read_mask import MaskReading

OF_STUDIES = ("truth", "truth_label", "truth_region", "keep_names", "min_suv", "keep_all", *STUDY_OPTIONS)
OF_SLICES = ("list", "spacing", "pet_threshold", "suv_max")
"""Options that mean something for one kind of data alone."""


def add_evaluate_options(parser: Parser) -> None:
    """Declare the options of `cipa evaluate`."""
    _add_input_options(parser)
    add = parser.add_argument_group("what is scored").add_argument
    add("--weights", action="append", metavar="PATH", help=f"{RUNNABLE}; given again, the mean of all")
    add(
        "--out-of-fold",
        action="store_true",
        help="the weights are runs of `cipa train --fold`: each patient is scored by those that left it out",
    )
    add(
        "--pet-threshold",
        metavar="RULE",
        help="instead of weights: PET at or above a SUV (2.5), a share of the patient's maximum (41%%), or "
        "the SUV best on the training slices (tuned); slices only",
    )
    add(
        "--suv-max",
        type=float,
        metavar="SUV",
        help="with --pet-threshold: the SUV that is white (default: metadata.json's)",
    )
    add(
        "--masks",
        metavar="SOURCE",
        help="instead of weights: masks that another tool made: a folder of NIfTI (SEG, RTSTRUCT) files "
        "named by study or patient, of PATIENT/SLICE.png, or a CSV with columns study,mask",
    )
    add("--mask-label", type=int, metavar="N", help="NIfTI: value of these that is tumour (default: not 0)")
    add("--mask-region", nargs="+", metavar="NAME", help="SEG, RTSTRUCT: what of these is tumour, as 'GTV*'")
    add_network_options(parser.add_argument_group("network"))
    add_lesion_options(parser)
    add_study_options(parser)
    _add_output_options(parser)


def _add_input_options(parser: Parser) -> None:
    add = parser.add_argument_group("input").add_argument
    add("data", metavar="DATA", help="folder in PCLT20K layout, or study or folder of studies, with truth")
    add("--list", choices=["test", "train"], help="slices: which list of DATA to score (default: test)")
    add(
        "--spacing",
        type=float,
        nargs=3,
        metavar=("Z", "Y", "X"),
        help="slices: mm between slices, rows and columns of all patients, where DATA/metadata.json does not "
        "say it",
    )
    add(
        "--truth",
        metavar="SOURCE",
        help="studies: true masks, as --masks takes them, or a pattern of names in a study's folder (GTV*)",
    )
    add("--truth-label", type=int, metavar="N", help="NIfTI: value of the truth that is tumour (not 0)")
    add("--truth-region", nargs="+", metavar="NAME", help="SEG, RTSTRUCT: what of it is tumour, as 'GTV*'")
    add("--resample", action="store_true", help="take masks of another grid to the CT's, nearest voxel")
    add("--keep-names", action="store_true", help="studies: keep folder names that hold the patient's name")


def _add_output_options(parser: Parser) -> None:
    add = parser.add_argument_group("output").add_argument
    add("-o", "--out", required=True, metavar="OUT", help="folder to write; it must be new or empty")
    add("--overwrite", action="store_true", help="replace an earlier evaluation at OUT once this one is done")
    add(
        "--protocol",
        choices=["both", "published", "patient"],
        default="both",
        help="which scores to print; patient refuses to run without the spacing",
    )
    add(
        "--tolerance",
        type=float,
        default=2.0,
        metavar="MM",
        help="mm within which surfaces are the same, for NSD",
    )
    add("--no-masks", action="store_true", help="do not write the masks that were scored")
    add(
        "--panels",
        type=int,
        default=4,
        metavar="N",
        help="slices in each of the three panels; 0 for none",
    )


def check_what_is_scored(arguments: Namespace) -> None:
    """Check that one thing is to be scored, and that options of others are not given.

    Raises:
        UsageError: they are.
    """
    given = [name for name in ("weights", "pet_threshold", "masks") if getattr(arguments, name)]
    if len(given) != 1:
        raise UsageError("give one of --weights, --pet-threshold and --masks, to be scored")
    if given != ["weights"] and (arguments.out_of_fold or arguments.tta != "none"):
        raise UsageError("--out-of-fold and --tta go with --weights")
    if given != ["pet_threshold"] and arguments.suv_max is not None:
        raise UsageError("--suv-max goes with --pet-threshold")
    if given != ["masks"]:
        refuse_options(arguments, ("mask_label", "mask_region"), "goes with --masks")


def refuse_options(arguments: Namespace, options: Sequence[str], why: str) -> None:
    """Refuse options that mean nothing for the kind of data.

    Raises:
        UsageError: one of `options`, names of attributes, was given.
    """
    for option in options:
        if getattr(arguments, option) not in (None, False):
            raise UsageError(f"--{option.replace('_', '-')}: {why}; leave it out")


def name_scored(arguments: Namespace) -> str:
    """Return what was scored, for a heading."""
    weights = arguments.weights or []
    if weights:
        several = f"{len(weights)} runs, out of fold" if arguments.out_of_fold else f"{len(weights)} networks"
        return str(weights[0]) if len(weights) == 1 else several
    return (
        f"PET threshold {arguments.pet_threshold}" if arguments.pet_threshold else f"masks {arguments.masks}"
    )


def mask_reading(arguments: Namespace, of: Literal["truth", "mask"]) -> "MaskReading":
    """Return how truth, or masks of another tool, are read."""
    from cipa.evaluation.read_mask import MaskReading

    label, regions = (getattr(arguments, f"{of}_{name}") for name in ("label", "region"))
    return MaskReading(label, tuple(regions or ()), arguments.resample, of)


def today() -> str:
    """Return the date as summary.json has it, `YYYY-MM-DD`."""
    return datetime.now().astimezone().date().isoformat()
