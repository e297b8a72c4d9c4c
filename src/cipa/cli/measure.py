"""Measure a mask from any tool or hand on its study, and write what `cipa predict` writes.

MASK is NIfTI, DICOM SEG or RTSTRUCT; of several segments or ROIs, --region says which are tumour. STUDY is a
DICOM folder or zip, or a folder with a pair of NIfTI files. Connected parts of the mask are the lesions; all
of them are measured, however small or cold. OUT becomes the study's folder: mask, DICOM SEG and SR, tables,
report.
"""

from argparse import ArgumentTypeError, BooleanOptionalAction, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cipa.cli.dicom_out import add_dicom_out, dicom_kinds, picture_writers
from cipa.cli.parser import Parser
from cipa.cli.predict_lines import DISCLAIMER, print_lesions, print_warnings, totals_line
from cipa.cli.report_files import add_interactive, report_writers
from cipa.cli.study_options import (
    REGION,
    add_report_options,
    add_study_options,
    check_study_options,
    report_options,
    study_options,
)
from cipa.cli.terminal import warn
from cipa.errors import UsageError

if TYPE_CHECKING:
    from cipa.inference.inputs import PetCtInput

EXAMPLES = """
cipa measure mask.nii.gz STUDY -o OUT
cipa measure rtstruct.dcm STUDY --region 'GTV*' -o OUT --dicom-out seg,sr,pdf
cipa measure mask.nii.gz --ct ct.nii.gz --pet suv.nii.gz -o OUT
"""


def add_arguments(parser: Parser) -> None:
    """Declare the options of `cipa measure`."""
    parser.explain("MASK STUDY -o OUT", EXAMPLES)
    add = parser.add_argument_group("input").add_argument
    add("mask", metavar="MASK", help="tumour: NIfTI, DICOM SEG or RTSTRUCT, on any grid of the study's world")
    add("data", nargs="?", metavar="STUDY", help="DICOM folder or zip, or folder with a pair of NIfTI files")
    add("--ct", metavar="FILE", help="in place of STUDY: CT as NIfTI in HU")
    add("--pet", metavar="FILE", help="in place of STUDY: PET as NIfTI in SUV")
    add(
        "--label",
        type=_label,
        metavar="N",
        help="NIfTI: value that is tumour, or 'all', such as lesion numbers (default: the only one but 0)",
    )
    add("--region", **REGION)
    add_study_options(parser)
    add_report_options(parser)
    group = parser.add_argument_group("output")
    add = group.add_argument
    add("-o", "--out", required=True, metavar="OUT", help="folder to make")
    add("--overwrite", action="store_true", help="replace an earlier result")
    add("--report", action=BooleanOptionalAction, default=True, help="report.html and pictures")
    add_dicom_out(group)
    add_interactive(group)
    add("--labels", action="store_true", help="write lesions.nii.gz, the number of each lesion")


def _label(word: str) -> "int | Literal['all']":
    """Read a value of a mask.

    Raises:
        ArgumentTypeError: it is neither a whole number nor `all`.
    """
    if word == "all":
        return "all"
    try:
        return int(word)
    except ValueError:
        raise ArgumentTypeError(f"{word!r}: give a whole number, or all") from None


def run(arguments: Namespace) -> int:
    """Run `cipa measure`.

    Raises:
        DataError: the mask or the study cannot be used.
        UsageError: options that do not go together, or OUT is taken.
    """
    kinds = dicom_kinds(arguments)
    check_study_options(arguments)
    if bool(arguments.data) == bool(arguments.ct or arguments.pet):
        raise UsageError("give MASK and a study, or MASK with --ct and --pet")
    from cipa.inference.measure import measure_mask
    from cipa.inference.save import refuse_taken, write_labels

    out = Path(arguments.out)
    refuse_taken(out, arguments.overwrite)
    pair = _read(arguments)
    if pair.source is None and arguments.dicom_out:
        warn(f"--dicom-out {arguments.dicom_out}: the study is NIfTI, of which no DICOM object is made")
    prediction = measure_mask(Path(arguments.mask), pair, arguments.label, arguments.region)
    also = picture_writers(kinds)
    also += (write_labels,) if arguments.labels else ()
    prediction.save(out, (*report_writers(arguments), *also), arguments.overwrite, kinds)
    _remember(arguments)
    print_warnings(tuple(prediction.warnings))
    print_lesions(out)
    print(f"{pair.name}: {totals_line(prediction.totals())}")
    print(f"written: {out}")
    print(DISCLAIMER)
    return 0


def _remember(arguments: Namespace) -> None:
    """Let `cipa view` find the images of the result."""
    from cipa.io.location_cache import remember_location
    from cipa.io.studies import find_studies, nifti_location

    if arguments.data:
        locations = find_studies(Path(arguments.data))
    else:
        locations = (
            [nifti_location("", Path(arguments.ct), Path(arguments.pet))]
            if arguments.ct and arguments.pet
            else []
        )
    if len(locations) == 1:
        remember_location(locations[0])


def _read(arguments: Namespace) -> "PetCtInput":
    from cipa.inference.inputs import read_input

    options, report = study_options(arguments), report_options(arguments)
    if arguments.data:
        return read_input(arguments.data, options=options, report=report)
    return read_input(arguments.ct, arguments.pet, options=options, report=report)
