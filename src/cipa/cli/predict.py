"""Segment what has no mask: DICOM or NIfTI studies, one or a folder of many, or slices in PNG.

STUDY is a DICOM folder or zip (CT and PET mixed, any nesting), a folder with a pair of NIfTI files, or a
folder of many of these. --ct or --pet alone (NIfTI) does for weights that learnt to do without the other. OUT
becomes a study's folder (mask, DICOM SEG and SR, lesions, report), or a folder of such folders. On several
GPUs or hosts: torchrun. Studies that are finished are skipped when the same command runs again.
"""

import time
from argparse import BooleanOptionalAction, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from cipa.cli.dicom_out import add_dicom_out, dicom_kinds
from cipa.cli.network_options import add_network_options
from cipa.cli.parser import Parser
from cipa.cli.predict_input import find_input
from cipa.cli.predict_lines import DISCLAIMER
from cipa.cli.predictor import make_predictor
from cipa.cli.report_files import add_interactive
from cipa.cli.study_names import add_keep_names
from cipa.cli.study_options import add_report_options, add_study_options
from cipa.cli.terminal import warn
from cipa.cli.volume_options import add_volume_options
from cipa.cli.weights_option import RUNNABLE

if TYPE_CHECKING:
    from cipa.inference.files import Summary
    from cipa.inference.predictor import Predictor

EXAMPLES = """
cipa predict STUDY -o OUT
cipa predict STUDIES -o OUT --weights RUN --alias-table names.csv
cipa predict STUDY -o OUT --dicom-out seg,sr,rtstruct,sc,pdf
cipa predict --ct ct.nii.gz --pet suv.nii.gz -o mask.nii.gz
torchrun --nproc-per-node 4 -m cipa predict STUDIES -o OUT
"""


def add_arguments(parser: Parser) -> None:
    """Declare the options of `cipa predict`."""
    parser.explain("STUDY -o OUT", EXAMPLES)
    add = parser.add_argument_group("input").add_argument
    add("data", nargs="?", metavar="STUDY", help="study, folder of studies, or folder in PCLT20K layout")
    add("--ct", metavar="FILE", help="CT: 8-bit PNG, or NIfTI in HU (.nii, .nii.gz, .nii.bz2)")
    add("--pet", metavar="FILE", help="PET: 8-bit PNG, or NIfTI in SUV, on any grid of the CT's world")
    add("--list", default="all", choices=["all", "train", "test"], help="PCLT20K: slices to segment")
    add_study_options(parser)
    add_volume_options(parser)
    add_report_options(parser)
    network = parser.add_argument_group("network")
    network.add_argument(
        "--weights",
        action="append",
        metavar="PATH",
        help=f"{RUNNABLE}; given again, the mean of all (default: bundled)",
    )
    add_network_options(network)
    _add_output_options(parser)


def _add_output_options(parser: Parser) -> None:
    group = parser.add_argument_group("output")
    add = group.add_argument
    add(
        "-o",
        "--out",
        required=True,
        metavar="OUT",
        help="folder, or the name of one mask (.nii.gz, .nii, .png)",
    )
    add("--overwrite", action="store_true", help="studies: do again and replace what is finished")
    add("--report", action=BooleanOptionalAction, default=True, help="studies: report.html and pictures")
    add("--probability", action="store_true", help="one mask, or PNG: write the probability map too")
    add_keep_names(group)
    add(
        "--alias-table",
        metavar="FILE",
        help="studies: write a CSV of each result's name and its source, for you alone: it may name patients",
    )
    add_dicom_out(group)
    add_interactive(group)
    add("--labels", action="store_true", help="studies: write lesions.nii.gz, the number of each lesion")


def run(arguments: Namespace) -> int:
    """Run `cipa predict`.

    Returns:
        0; 1 if a study among many failed; whatever else is wrong is raised as a `CipaError`.
    """
    dicom_kinds(arguments)  # refused before anything is read
    given = find_input(arguments)
    if given.kind == "studies":
        from cipa.cli.predict_studies import predict_studies

        return predict_studies(arguments, given)
    began = time.monotonic()
    predictor = make_predictor(arguments, arguments.device)
    for line in predictor.warnings:
        warn(line)
    summary = {"folder": _folder, "png": _png}[given.kind](predictor, arguments)
    slices = "1 slice" if summary.slices == 1 else f"{summary.slices} slices"
    seconds = time.monotonic() - began
    print(f"{slices} on {predictor.device} in {seconds:.1f} s, threshold {predictor.threshold:g}")
    print(f"tumour: {summary.pixels} pixels in {summary.slices_with_tumour} of {slices}")
    print(f"written: {summary.out}")
    print(DISCLAIMER)
    return 0


def _folder(predictor: "Predictor", arguments: Namespace) -> "Summary":
    from cipa.data.layout import images_on_disk, read_ids
    from cipa.errors import DataError
    from cipa.inference.files import predict_folder
    from cipa.progress import slice_bar

    root = Path(arguments.data)
    if arguments.list == "all":
        ids = [slice_id for slice_id, images in images_on_disk(root).items() if images & {"CT", "PET"}]
    else:
        ids = read_ids(root, arguments.list)
    if not ids:
        raise DataError(
            f"{root}: no studies and no slices; give DICOM, pairs of NIfTI (such as ct.nii.gz beside "
            "pet.nii.gz or suv.nii.gz) or files named PATIENT/PATIENT_SLICE_CT.png and _PET.png"
        )
    with slice_bar() as progress:
        return predict_folder(predictor, root, ids, Path(arguments.out), arguments.probability, progress)


def _png(predictor: "Predictor", arguments: Namespace) -> "Summary":
    from cipa.inference.files import predict_png

    ct, pet, out = (Path(getattr(arguments, name)) for name in ("ct", "pet", "out"))
    return predict_png(predictor, ct, pet, out, arguments.probability)
